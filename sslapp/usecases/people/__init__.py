"""Who may do what: a project's members and the readers of this server."""
