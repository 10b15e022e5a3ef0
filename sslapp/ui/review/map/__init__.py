"""The map of the Review page: its figure and its colours."""
