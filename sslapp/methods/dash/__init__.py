"""Dash: pseudo-labels count by their loss, with a threshold that falls."""
