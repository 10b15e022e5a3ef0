"""Commands about what encoders make of images, and what they are made of."""
