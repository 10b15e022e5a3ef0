"""Rounds: from a snapshot to a task, through a method, to predictions, as a job."""

NOT_EXACTLY = "cannot be resumed exactly here"
"""In the reason of a round that waits for somebody to accept other rounding."""
