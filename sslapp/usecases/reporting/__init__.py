"""The report of a project, as one page."""
