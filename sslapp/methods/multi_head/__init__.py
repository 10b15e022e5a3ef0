"""Multi-head co-training: three heads on one body, each taught by the two others."""
