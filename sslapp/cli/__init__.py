"""The command line: the same use cases without a browser."""

from sslapp.cli import (
    exports,
    labelling,
    maps,
    project,
    readers,
    review,
    rounds,
    simulation,
    suggestion,
)
from sslapp.cli.application import app

__all__ = [
    "app",
    "exports",
    "labelling",
    "maps",
    "project",
    "readers",
    "review",
    "rounds",
    "simulation",
    "suggestion",
]
