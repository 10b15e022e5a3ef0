"""The command line: the same use cases without a browser."""

from sslapp.cli import (
    auditing,
    exports,
    images,
    labelling,
    model,
    project,
    quarantine,
    readers,
    review,
    rounds,
    simulation,
    suggestion,
)
from sslapp.cli.application import app
from sslapp.cli.embedding import encoding, maps, prompts, weights

__all__ = [
    "app",
    "auditing",
    "encoding",
    "exports",
    "images",
    "labelling",
    "maps",
    "model",
    "project",
    "prompts",
    "quarantine",
    "readers",
    "review",
    "rounds",
    "simulation",
    "suggestion",
    "weights",
]
