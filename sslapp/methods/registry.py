"""Every method: its card, and where its code stands. A new method is a folder and a line here, or
stands in a package of its own (`installed`).

Nothing here needs torch; a method's code is loaded when a round asks for it.
"""

from collections.abc import Mapping
from pkgutil import resolve_name
from types import MappingProxyType
from typing import TYPE_CHECKING

from sslapp.methods.adamatch.config import CARD as ADAMATCH
from sslapp.methods.card import MethodCard
from sslapp.methods.consistency.mean_teacher.config import CARD as MEAN_TEACHER
from sslapp.methods.consistency.pi_model.config import CARD as PI_MODEL
from sslapp.methods.consistency.temporal_ensembling.config import CARD as TEMPORAL_ENSEMBLING
from sslapp.methods.consistency.vat.config import CARD as VAT
from sslapp.methods.dash.config import CARD as DASH
from sslapp.methods.defixmatch.config import CARD as DEFIXMATCH
from sslapp.methods.diff_sysc.config import CARD as DIFF_SYSC
from sslapp.methods.fixmatch.config import CARD as FIXMATCH
from sslapp.methods.flexmatch.config import CARD as FLEXMATCH
from sslapp.methods.freematch.config import CARD as FREEMATCH
from sslapp.methods.head_ensemble.config import CARD as HEAD_ENSEMBLE
from sslapp.methods.imported_predictions.config import CARD as IMPORTED_PREDICTIONS
from sslapp.methods.installed import find_installed
from sslapp.methods.instant.config import CARD as INSTANT
from sslapp.methods.label_propagation.config import CARD as LABEL_PROPAGATION
from sslapp.methods.layermatch.config import CARD as LAYERMATCH
from sslapp.methods.mixing.mixmatch.config import CARD as MIXMATCH
from sslapp.methods.mixing.remixmatch.config import CARD as REMIXMATCH
from sslapp.methods.multi_head.config import CARD as MULTI_HEAD
from sslapp.methods.nearest_neighbours.config import CARD as NEAREST_NEIGHBOURS
from sslapp.methods.prototypes.config import CARD as PROTOTYPES
from sslapp.methods.pseudo_label.config import CARD as PSEUDO_LABEL
from sslapp.methods.self_training.config import CARD as SELF_TRAINING
from sslapp.methods.sequencematch.config import CARD as SEQUENCEMATCH
from sslapp.methods.softmatch.config import CARD as SOFTMATCH
from sslapp.methods.supervised.config import CARD as SUPERVISED
from sslapp.methods.uda.config import CARD as UDA

if TYPE_CHECKING:
    from sslapp.training.method import Method

_METHODS = (
    (FIXMATCH, "fixmatch.method:FixMatch"),
    (FLEXMATCH, "flexmatch.method:FlexMatch"),
    (FREEMATCH, "freematch.method:FreeMatch"),
    (SOFTMATCH, "softmatch.method:SoftMatch"),
    (UDA, "uda.method:UDA"),
    (PSEUDO_LABEL, "pseudo_label.method:PseudoLabel"),
    (ADAMATCH, "adamatch.method:AdaMatch"),
    (DEFIXMATCH, "defixmatch.method:DeFixMatch"),
    (DASH, "dash.method:Dash"),
    (SEQUENCEMATCH, "sequencematch.method:SequenceMatch"),
    (MULTI_HEAD, "multi_head.method:MultiHead"),
    (INSTANT, "instant.method:InstanT"),
    (PI_MODEL, "consistency.pi_model.method:PiModel"),
    (TEMPORAL_ENSEMBLING, "consistency.temporal_ensembling.method:TemporalEnsembling"),
    (MEAN_TEACHER, "consistency.mean_teacher.method:MeanTeacher"),
    (VAT, "consistency.vat.method:VAT"),
    (MIXMATCH, "mixing.mixmatch.method:MixMatch"),
    (REMIXMATCH, "mixing.remixmatch.method:ReMixMatch"),
    (LAYERMATCH, "layermatch.method:LayerMatch"),
    (DIFF_SYSC, "diff_sysc.method:DiffSySC"),
    (SUPERVISED, "supervised.method:Supervised"),
    (SELF_TRAINING, "self_training.method:SelfTraining"),
    (HEAD_ENSEMBLE, "head_ensemble.method:HeadEnsemble"),
    (PROTOTYPES, "prototypes.method:Prototypes"),
    (LABEL_PROPAGATION, "label_propagation.method:LabelPropagation"),
    (NEAREST_NEIGHBOURS, "nearest_neighbours.method:NearestNeighbours"),
)
"""In the order in which a page offers them."""

BUILT_IN: Mapping[str, MethodCard] = MappingProxyType({card.name: card for card, _ in _METHODS})
"""The cards of this package's own by name."""

_CODE = {card.name: place for card, place in _METHODS}
_INSTALLED, _problems = find_installed(BUILT_IN)

CARDS: Mapping[str, MethodCard] = MappingProxyType(
    {**BUILT_IN, **{name: each.card for name, each in _INSTALLED.items()}}
)
"""The cards by name, those of other packages last."""

TITLES: Mapping[str, str] = MappingProxyType(
    {card.name: card.title for card in (*CARDS.values(), IMPORTED_PREDICTIONS)}
)
"""What a page calls each method, and what rounds that nothing trained are called."""

PROBLEMS = tuple(_problems)
"""Why methods of other packages cannot be used, a sentence each."""


def find_card(name: str) -> MethodCard:
    """The card of the method `name`.

    Raises:
        ValueError: when there is no such method, with what there is.
    """
    if name not in CARDS:
        there_is = f'There is no method "{name}"; choose one of {", ".join(CARDS)}.'
        raise ValueError(" ".join([there_is, *PROBLEMS]))
    return CARDS[name]


def method_class(name: str) -> "type[Method]":
    """The code of the method `name`; loads torch.

    Raises:
        ValueError: when there is no such method, or its package's code cannot be loaded.
    """
    if name in _INSTALLED:
        return _INSTALLED[name].method_class()
    if name not in _CODE:
        raise ValueError(
            f'There is no method "{name}" here. Install its package beside the worker and start '
            "the worker again, or start a new round of another method."
        )
    found: type[Method] = resolve_name(f"{__package__}.{_CODE[name]}")
    return found
