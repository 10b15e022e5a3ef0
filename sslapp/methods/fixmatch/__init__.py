"""FixMatch: consistency of strong views with confident weak ones."""
