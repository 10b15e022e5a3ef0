"""UDA: consistency of strong views with sharpened predictions on weak ones."""
