"""MixMatch: guessed labels, sharpened, and everything mixed."""
