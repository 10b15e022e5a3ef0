"""Audits: proving how many of a lot's labels a reader would disown, while mending them."""
