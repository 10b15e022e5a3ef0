"""The baseline: labels alone."""
