"""What reads a fitted method's files: every kind of predictor by the kind that its files name."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from sslapp.methods.diff_sysc.predictor import LabelDiffusionPredictor
from sslapp.methods.head_ensemble.method import HeadEnsemblePredictor
from sslapp.methods.label_propagation.method import GraphVotePredictor, LabelPropagationPredictor
from sslapp.methods.nearest_neighbours.method import NearestNeighboursPredictor
from sslapp.methods.prototypes.method import PrototypesPredictor
from sslapp.training.inputs.encoded import FeaturePredictor
from sslapp.training.method import Predictor
from sslapp.training.predictor import DESCRIPTION, LinearPredictor, NetworkPredictor

KINDS: Mapping[str, type[Predictor]] = MappingProxyType(
    {
        "network": NetworkPredictor,
        "linear": LinearPredictor,
        "feature-head": FeaturePredictor,
        "prototypes": PrototypesPredictor,
        "nearest-neighbours": NearestNeighboursPredictor,
        "label-propagation": LabelPropagationPredictor,
        "graph-vote": GraphVotePredictor,
        "head-ensemble": HeadEnsemblePredictor,
        "label-diffusion": LabelDiffusionPredictor,
    }
)
"""By the `kind` in their descriptions."""


def load_predictor(folder: Path) -> Predictor:
    """Read a predictor of any kind.

    Raises:
        ValueError: when the folder holds none that this version knows.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise ValueError(f"{path} is missing. The round kept no trained model; start it again.")
    kind = json.loads(path.read_text(encoding="utf-8")).get("kind")
    if kind not in KINDS:
        raise ValueError(
            f'{path}: kind is "{kind}", which this version of sslapp does not know. Use the '
            "version that wrote it, or a newer one."
        )
    return KINDS[kind].load(folder)
