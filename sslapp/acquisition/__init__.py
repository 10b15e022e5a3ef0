"""What to label next, and why: strategies from a situation to picks, functions on arrays."""
