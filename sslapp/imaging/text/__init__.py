"""Text that is burned into pictures: where it may be, never what it says."""
