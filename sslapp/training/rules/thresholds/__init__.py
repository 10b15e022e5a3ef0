"""Which pseudo-labels count, and how much."""
