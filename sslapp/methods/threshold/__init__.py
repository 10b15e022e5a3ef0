"""What methods share whose pseudo-labels of weak views teach strong views where a rule says so."""
