"""From predictions to decisions: candidates, their evidence, and exact bounds."""
