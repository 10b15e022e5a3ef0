"""Every method's code by the name on its card. A new method is one file, a card and a line here."""

from sslapp.methods.diff_sysc.method import DiffSySC
from sslapp.methods.fixmatch.method import FixMatch
from sslapp.methods.label_propagation.method import LabelPropagation
from sslapp.methods.layermatch.method import LayerMatch
from sslapp.methods.prototypes.method import Prototypes
from sslapp.methods.supervised.method import Supervised
from sslapp.training.method import Method

METHODS: dict[str, type[Method]] = {
    "fixmatch": FixMatch,
    "layermatch": LayerMatch,
    "diff-sysc": DiffSySC,
    "supervised": Supervised,
    "prototypes": Prototypes,
    "label-propagation": LabelPropagation,
}
