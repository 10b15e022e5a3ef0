"""What the files of patients need besides others: a secret, and that no name of theirs is kept."""
