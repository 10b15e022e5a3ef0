"""What rows and files held when they were written, so that damage is noticed."""
