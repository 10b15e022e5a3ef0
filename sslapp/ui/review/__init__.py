"""What the Review page is made of: the embedding map, its side, the desk."""
