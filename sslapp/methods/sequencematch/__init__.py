"""SequenceMatch: a chain of consistency from weak over medium to strong views."""
