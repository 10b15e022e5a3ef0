"""Diff-SySC: a label denoiser, and rounds of pseudo-labels that it draws."""
