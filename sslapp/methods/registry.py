"""Every method there is, by name. A new method is one file and one line here."""

from sslapp.methods.fixmatch import FixMatch
from sslapp.methods.label_propagation import LabelPropagation
from sslapp.methods.supervised import Supervised
from sslapp.training.method import Method

METHODS: dict[str, type[Method]] = {
    FixMatch.name: FixMatch,
    Supervised.name: Supervised,
    LabelPropagation.name: LabelPropagation,
}
