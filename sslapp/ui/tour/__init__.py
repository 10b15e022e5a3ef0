"""The guided tour of the demo project: a card that names the next thing to do."""
