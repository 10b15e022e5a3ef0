"""ReMixMatch: MixMatch with anchored strong views, aligned guesses and rotations."""
