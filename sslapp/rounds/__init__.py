"""Rounds: from a snapshot to a task, through a method, to predictions, as a job."""
