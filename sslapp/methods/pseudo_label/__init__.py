"""Pseudo-Label: the likeliest class of an unlabelled image is taken for its label."""
