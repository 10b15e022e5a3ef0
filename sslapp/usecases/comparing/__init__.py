"""Rounds side by side."""
