"""Pulling predictions towards the class frequencies that they should have."""
