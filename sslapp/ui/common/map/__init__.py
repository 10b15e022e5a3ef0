"""A map of images on a page, whichever page: how its chart looks and how gestures come back."""
