"""The workspace as a whole: verified, backed up, restored."""
