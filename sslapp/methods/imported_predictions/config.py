"""What a round of imported predictions is called; it has no options, and no method trains it."""

from sslapp.methods.card import MethodCard
from sslapp.training.configuration import MethodConfig


class ImportedPredictionsConfig(MethodConfig):
    """None."""


CARD = MethodCard(
    "imported-predictions",
    "Imported predictions",
    "What a list says of the images, as another model predicted it. Nothing is trained here. "
    "Labels of the holdout calibrate it where the list names enough of them.",
    (),
    ImportedPredictionsConfig,
)
