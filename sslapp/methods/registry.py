"""Every method: its card, and where its code stands. A new method is a folder and a line here.

Nothing here needs torch; a method's code is loaded when a round asks for it.
"""

from collections.abc import Mapping
from pkgutil import resolve_name
from types import MappingProxyType
from typing import TYPE_CHECKING

from sslapp.methods.card import MethodCard
from sslapp.methods.diff_sysc.config import CARD as DIFF_SYSC
from sslapp.methods.fixmatch.config import CARD as FIXMATCH
from sslapp.methods.head_ensemble.config import CARD as HEAD_ENSEMBLE
from sslapp.methods.label_propagation.config import CARD as LABEL_PROPAGATION
from sslapp.methods.layermatch.config import CARD as LAYERMATCH
from sslapp.methods.nearest_neighbours.config import CARD as NEAREST_NEIGHBOURS
from sslapp.methods.prototypes.config import CARD as PROTOTYPES
from sslapp.methods.supervised.config import CARD as SUPERVISED

if TYPE_CHECKING:
    from sslapp.training.method import Method

_METHODS = (
    (FIXMATCH, "fixmatch.method:FixMatch"),
    (LAYERMATCH, "layermatch.method:LayerMatch"),
    (DIFF_SYSC, "diff_sysc.method:DiffSySC"),
    (SUPERVISED, "supervised.method:Supervised"),
    (HEAD_ENSEMBLE, "head_ensemble.method:HeadEnsemble"),
    (PROTOTYPES, "prototypes.method:Prototypes"),
    (LABEL_PROPAGATION, "label_propagation.method:LabelPropagation"),
    (NEAREST_NEIGHBOURS, "nearest_neighbours.method:NearestNeighbours"),
)
"""In the order in which a page offers them."""

CARDS: Mapping[str, MethodCard] = MappingProxyType({card.name: card for card, _ in _METHODS})
"""The cards by name."""

_CODE = {card.name: place for card, place in _METHODS}


def method_class(name: str) -> "type[Method]":
    """The code of the method `name`, a key of CARDS; loads torch.

    Raises:
        KeyError: when there is no such method.
    """
    found: type[Method] = resolve_name(f"{__package__}.{_CODE[name]}")
    return found
