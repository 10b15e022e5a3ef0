"""Sets that are opened by name."""
