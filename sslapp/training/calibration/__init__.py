"""Making confidence mean something."""
