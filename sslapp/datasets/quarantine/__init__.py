"""Images of patients that may show a name: held back until an admin has looked through them."""
