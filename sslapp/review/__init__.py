"""From predictions to decisions: candidates, their evidence, agreement, and exact bounds."""
