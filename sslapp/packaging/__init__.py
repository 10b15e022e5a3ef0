"""A trained model as files that need no workspace, and predicting with it."""
