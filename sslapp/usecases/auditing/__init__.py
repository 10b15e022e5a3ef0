"""Audits of labels: opening one, answering it, what it proves, and the project's certificate."""
