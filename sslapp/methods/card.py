"""What a reader chooses a method by: its name, what it is, where it runs and its options.

Forms, the command line and the docs read cards in processes that must not load torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sslapp.training.configuration import ConsistencyConfig, MethodConfig
from sslapp.vocabulary import Gear


@dataclass(frozen=True)
class MethodCard:
    """One method.

    Attributes:
        name: how the registry, the command line and the database call it.
        title: how a page calls it.
        about: three sentences that a student understands; the first stands for all in a list.
        gears: where it can run, the preferred one first.
        options: its options.
        without_effect: per gear, the options that change nothing there.
        averages_encoders: whether it fits to the features of each encoder and averages.
        code: where the class of a method that is installed beside this package stands, as
            "module:Class"; "" for one of this package, and in a plugin.
        formula: LaTeX of its losses, or of what it computes, an equation a line.
        relatives: names of methods that it is a variant of, or that are variants of it.
    """

    name: str
    title: str
    about: str
    gears: tuple[Gear, ...]
    options: type[MethodConfig]
    without_effect: Mapping[Gear, frozenset[str]] = field(default_factory=dict)
    averages_encoders: bool = False
    code: str = ""
    formula: str = ""
    relatives: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The first sentence of `about`."""
        first, dot, _ = self.about.partition(". ")
        return f"{first}." if dot else self.about

    @property
    def compares_views(self) -> bool:
        """Whether it needs weak and strong views of unlabelled images."""
        return issubclass(self.options, ConsistencyConfig)

    @property
    def several_encoders(self) -> bool:
        """Whether it takes features of several encoders; encoded views are those of one."""
        return self.averages_encoders or not self.compares_views

    def effective(self, gear: Gear) -> tuple[str, ...]:
        """Names of the options that count in a gear, in their order."""
        idle = self.without_effect.get(gear, frozenset())
        return tuple(name for name in self.options.model_fields if name not in idle)
