"""`python -m sslapp` is the command line."""

from sslapp.cli import app

app()
