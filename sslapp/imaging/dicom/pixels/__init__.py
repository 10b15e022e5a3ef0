"""The values of frames."""
