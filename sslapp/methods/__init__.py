"""Semi-supervised methods, a folder each; `registry` lists them."""
