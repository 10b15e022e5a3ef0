"""sslapp: label a few images, train semi-supervised, review the pseudo-labels, repeat.

The rooms of this package and the direction in which they may import each other are listed in
pyproject.toml under [tool.importlinter]; each room's docstring says what it is for.
"""

__version__ = "0.1.0"
