"""Readers, what each may do, and which image each has before them."""
