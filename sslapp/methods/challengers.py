"""What can be compared with the ensemble on request, because it trains for minutes or is another
package's.

Nothing here needs torch.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from sslapp.methods.registry import BUILT_IN, CARDS
from sslapp.methods.supervised.config import CARD as SUPERVISED
from sslapp.vocabulary import Gear


@dataclass(frozen=True)
class Challenger:
    """What trains for minutes and is compared on request.

    Attributes:
        name: of the challenger; a method's where it is the method as it is.
        title: what it is called.
        method, gear: which it is, and where it runs.
        config: options that make it what it is.
        settings: the project's, such as whether images may be mirrored.
    """

    name: str
    title: str
    method: str
    gear: Gear
    config: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        """All that differ from the method's own."""
        return {**self.settings, **self.config}

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Self:
        """What a job's parameters say."""
        return cls(**{**row, "gear": Gear(row["gear"])})

    def row(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)


FINE_TUNING = Challenger(
    "fine-tuning",
    "Fine-tuned EfficientNet-Lite0",
    SUPERVISED.name,
    Gear.PIXELS,
    {"network": "efficientnet-lite0", "image_size": 128},
)
"""The network behind the features, taught by the labels, on images of 128 pixels."""

CHALLENGERS: Mapping[str, Challenger] = {
    FINE_TUNING.name: FINE_TUNING,
    **{
        name: Challenger(name, card.title, name, card.gears[0])
        for name, card in CARDS.items()
        if name not in BUILT_IN
        or not (Gear.FEATURES in card.gears and card.options.quick_on_features)
    },
}
"""All of them by name."""
