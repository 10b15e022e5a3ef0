"""Numbers and times as a reader says them."""

from sslapp.words import ago, count, duration, percent, proportion, remaining, roughly, size

__all__ = ["ago", "count", "duration", "percent", "proportion", "remaining", "roughly", "size"]
