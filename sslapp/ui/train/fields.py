"""The inputs of a form: what an option's value is entered with, and what an empty one means."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from sslapp.usecases.training.options import Option, OptionType, in_words, options_of

AUTOMATIC, NOTHING = "automatic", "none"

FINEST_OF_SHARES = 0.05
"""Largest step of a number that lies in a range of at most 1."""


@dataclass(frozen=True, kw_only=True)
class Input:
    """What one option is entered with.

    Attributes:
        option: the option.
        default: the model's, or the project's in its place.
        least, most, step: of a number; open bounds are left to the model.
        empty: what an empty number means, "automatic" or "none"; "" when it may not be empty.
        automatic: the value that an empty one stands for.
    """

    option: Option
    default: Any
    least: float | None = None
    most: float | None = None
    step: float | None = None
    empty: str = ""
    automatic: Any = None

    @property
    def name(self) -> str:
        """The option's."""
        return self.option.name

    @property
    def title(self) -> str:
        """The option's name as a reader reads it."""
        return self.name.replace("_", " ").capitalize()

    @property
    def about(self) -> str:
        """The option's description, default and bounds as one text."""
        facts = [f"Default: {self.in_words(self.default)}"]
        if not self.option.is_number:
            return f"{self.option.about()} {facts[0]}.".strip()
        facts += [self.option.range] if self.option.range else []
        return f"{self.option.about(AUTOMATIC)} {'; '.join(facts)}.".strip()

    @property
    def shown_default(self) -> Any:
        """What the input holds at first; None for an empty one."""
        return None if self.empty and self.default == self.automatic else self.default

    def value(self, entered: Any) -> Any:
        """The option's value for what the input holds."""
        if entered is None:
            return self.automatic if self.empty else self.default
        return entered

    def is_changed(self, values: Mapping[str, Any]) -> bool:
        """Whether its value differs from the default."""
        return bool(values[self.name] != self.default)

    def in_words(self, value: Any) -> str:
        """A value in words: "automatic", "on", "0.95"."""
        return self.empty if self.empty and value == self.automatic else in_words(value)


def inputs_of(
    model: type[BaseModel], names: Collection[str] | None, defaults: Mapping[str, Any]
) -> list[Input]:
    """The inputs of a model's options in its order.

    Args:
        names: those wanted; None for all.
        defaults: values that replace the model's defaults.

    Raises:
        TypeError: naming a field whose type has no input.
    """
    return [
        _input(each, defaults.get(each.name, each.default)) for each in options_of(model, names)
    ]


def _input(option: Option, default: Any) -> Input:
    if not option.is_number:
        return Input(option=option, default=default)
    least, most = _bounds(option)
    is_automatic = option.automatic is not None and default == option.automatic.at
    return Input(
        option=option,
        default=default,
        least=least,
        most=most,
        step=_step(option, default, least, most),
        empty=AUTOMATIC if is_automatic else NOTHING if option.may_be_none else "",
        automatic=default if is_automatic else None,
    )


def _bounds(option: Option) -> tuple[float | None, float | None]:
    """Least and most that an input can check: closed bounds, and open ones of whole numbers."""
    above, below = option.more_than, option.less_than
    if option.type is OptionType.WHOLE:
        above = None if above is None else math.floor(above) + 1
        below = None if below is None else math.ceil(below) - 1
    # an input's own bounds are closed; that the end itself is refused is the model's to say
    least = [each for each in (option.at_least, above) if each is not None]
    most = [each for each in (option.at_most, below) if each is not None]
    kind = int if option.type is OptionType.WHOLE else float
    return kind(max(least)) if least else None, kind(min(most)) if most else None


def _step(option: Option, default: Any, least: float | None, most: float | None) -> float:
    """A step that changes the number a little: 0.01 for 0.95, 0.0001 for 0.0005, 1 for 30."""
    whole = option.type is OptionType.WHOLE
    if option.multiple_of is not None:
        return int(option.multiple_of) if whole else float(option.multiple_of)
    if whole:
        return 1
    if not default:
        step = 0.1
    else:
        size = math.floor(math.log10(abs(default)))
        digits = f"{abs(default) / 10.0**size:.6g}".rstrip("0").partition(".")[2]
        step = 10.0 ** (size - max(len(digits), 1 if size >= 0 else 0))
    if least is not None and most is not None and most - least <= 1:
        step = min(step, FINEST_OF_SHARES)
    return float(f"{step:.1g}")
