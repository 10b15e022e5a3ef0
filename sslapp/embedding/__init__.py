"""Images as vectors: encoders, exact nearest neighbours, and the two-dimensional map of them."""
