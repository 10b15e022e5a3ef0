"""Pi-model: two perturbed versions of an image get like predictions."""
