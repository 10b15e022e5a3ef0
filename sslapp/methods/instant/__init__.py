"""InstanT: a threshold for every image, by how likely its pseudo-label is wrong."""
