"""What readers decide about many images on Review, and what was decided before."""
