"""What a project is: its name, classes and settings, and how far it is."""
