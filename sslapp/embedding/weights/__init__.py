"""Weights of networks from a hub: what they are called, how they are fetched, where they lie."""
