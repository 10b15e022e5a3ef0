"""Picture files as they lie: in a folder, a zip archive, or listed by a manifest."""
