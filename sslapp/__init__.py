"""sslapp: label a few images, train semi-supervised, review the pseudo-labels, repeat.

The rooms of this package and the direction in which they may import each other are listed in
pyproject.toml under [tool.importlinter]; each room's docstring says what it is for.
"""

import os

# No model library looks anything up unasked. The one process that fetches weights by an explicit
# job (sslapp.embedding.weights.hub) says otherwise, for itself, before it imports such a library.
os.environ["HF_HUB_OFFLINE"] = "1"

__version__ = "0.1.0"
