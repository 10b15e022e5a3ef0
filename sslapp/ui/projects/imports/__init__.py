"""What comes into a project from outside: images and their labels, from wherever."""
