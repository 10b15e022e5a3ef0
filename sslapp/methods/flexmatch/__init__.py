"""FlexMatch: FixMatch with less to ask of classes that are still rare."""
