"""Imported predictions: a round whose probabilities come from a list; nothing is trained."""
