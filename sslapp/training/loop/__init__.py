"""The step loop of gradient-step methods, and what only it needs."""
