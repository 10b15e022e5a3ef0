"""DeFixMatch: FixMatch without the bias of its unlabelled loss."""
