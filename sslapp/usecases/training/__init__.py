"""Rounds: started, followed, resumed, and what they reported."""
