"""The labelled data set as files."""
