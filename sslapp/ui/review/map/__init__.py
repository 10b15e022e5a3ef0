"""The map of the Review page: its figure, its colours, what is drawn on it by hand."""
