"""What the Label page is made of."""
