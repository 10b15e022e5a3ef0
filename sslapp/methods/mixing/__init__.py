"""Methods that train on mixtures of labelled and unlabelled images."""
