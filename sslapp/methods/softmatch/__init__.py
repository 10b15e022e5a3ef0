"""SoftMatch: FixMatch whose pseudo-labels all count, unsure ones less."""
