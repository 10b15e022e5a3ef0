"""Zip archives of picture files: what is in one, what of it is taken, and its bytes."""
