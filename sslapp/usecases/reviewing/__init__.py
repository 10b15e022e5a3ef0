"""A round's proposals in front of a reader, and decisions about many at once."""
