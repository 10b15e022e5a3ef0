"""What methods compose: thresholds, alignments, losses, moving averages."""
