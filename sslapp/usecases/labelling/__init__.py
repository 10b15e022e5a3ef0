"""One image at a time: which one comes next, and what a reader decides about it."""
