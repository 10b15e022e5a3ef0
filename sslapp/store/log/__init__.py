"""The event log: what an event is, what is checked, what it makes of labels."""
