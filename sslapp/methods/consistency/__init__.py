"""Methods that want like answers for perturbed versions of one image, weighed by a ramp."""
