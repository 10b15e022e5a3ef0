"""Images that are rows of arrays, streamed out of files that strangers made."""
