"""What there is to label: imports, originals, embeddings, maps, and images like another."""
