"""AdaMatch: FixMatch, aligned with the labelled images and with a threshold relative to them."""
