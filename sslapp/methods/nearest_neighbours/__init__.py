"""The k labelled images that are nearest: the plainest reading of an embedding."""
