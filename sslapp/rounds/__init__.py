"""Rounds: from a snapshot to a task, through a method, to predictions, as a job."""

NOT_EXACTLY = "cannot be resumed exactly here"
"""In the reason of a round that waits for somebody to accept other rounding."""

PASSED_OVER = "passed_over"
"""In a round's plan: the damaged files that its attempts found and did without, as sentences."""
