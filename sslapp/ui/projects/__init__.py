"""What the Projects page is made of."""
