"""Who reads, where nobody signs in."""
