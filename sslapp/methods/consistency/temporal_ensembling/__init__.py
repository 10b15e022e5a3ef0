"""Temporal ensembling: like predictions as in the epochs before."""
