"""Tables as people and programs write them: lists of labels, and cells that are safe to open."""
