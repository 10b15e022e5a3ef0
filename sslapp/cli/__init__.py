"""The command line: the same use cases without a browser."""

from sslapp.cli import labelling, project, review, rounds, simulation
from sslapp.cli.application import app

__all__ = ["app", "labelling", "project", "review", "rounds", "simulation"]
