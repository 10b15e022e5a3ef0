"""Semi-supervised methods, one a file; `registry.METHODS` lists them."""
