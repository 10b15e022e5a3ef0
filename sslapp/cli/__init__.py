"""The command line: the same use cases without a browser."""

from sslapp.cli import (
    auditing,
    exports,
    images,
    labelling,
    maps,
    model,
    project,
    prompts,
    readers,
    review,
    rounds,
    simulation,
    suggestion,
    weights,
)
from sslapp.cli.application import app

__all__ = [
    "app",
    "auditing",
    "exports",
    "images",
    "labelling",
    "maps",
    "model",
    "project",
    "prompts",
    "readers",
    "review",
    "rounds",
    "simulation",
    "suggestion",
    "weights",
]
