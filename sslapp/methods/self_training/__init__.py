"""Self-training in rounds: confident answers about the pool become labels of the next training."""
