"""How images come in: where from, who sent them, and the import as a job."""
