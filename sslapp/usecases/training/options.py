"""Methods and their options as readers see them: the cards to choose from, and the options, read
once from the fields of a model, for the forms, the command line and the docs.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sslapp.methods.card import MethodCard
from sslapp.methods.challengers import CHALLENGERS
from sslapp.methods.registry import CARDS, PROBLEMS, TITLES, find_card
from sslapp.training.configuration import Automatic, TrainingConfig, defaults_for, steps_of
from sslapp.vocabulary import Gear

__all__ = [
    "CARDS",
    "CHALLENGERS",
    "COLUMNS",
    "PROBLEMS",
    "MethodCard",
    "Option",
    "OptionType",
    "automatic_values",
    "explained",
    "in_words",
    "method_options",
    "method_titles",
    "number",
    "options_of",
]

COLUMNS = ("option", "type", "default", "range", "automatic", "what it does")
"""Of a table of options; see `Option.row`."""


class OptionType(StrEnum):
    """What a value of an option is."""

    SWITCH = "switch"
    CHOICE = "choice"
    WHOLE = "whole number"
    REAL = "number"
    TEXT = "text"


@dataclass(frozen=True, kw_only=True)
class Option:
    """One field of a model.

    Attributes:
        name: in the model, in NAME=VALUE and in the stored config.
        type: what its values are.
        description: one sentence; what "automatic" means is not in it.
        default: the model's.
        choices: all values of a CHOICE; None is among them where it may be None.
        suggestions: values that a TEXT may have besides others.
        at_least, more_than, at_most, less_than, multiple_of: bounds of a number; None where open.
        longest: characters of a TEXT.
        may_be_none: whether None is a value.
        automatic: which value leaves the choice to the program, and what is chosen then.
        usual: whether it is shown before the others.
    """

    name: str
    type: OptionType
    description: str
    default: Any
    choices: tuple[Any, ...] = ()
    suggestions: tuple[str, ...] = ()
    at_least: float | None = None
    more_than: float | None = None
    at_most: float | None = None
    less_than: float | None = None
    multiple_of: float | None = None
    longest: int | None = None
    may_be_none: bool = False
    automatic: Automatic | None = None
    usual: bool = False

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return self.type in (OptionType.WHOLE, OptionType.REAL)

    @property
    def range(self) -> str:
        """What is allowed, in words: "at least 0 and at most 1", "fast, paper"; "" for anything."""
        if self.choices:
            return ", ".join(in_words(each) for each in self.choices)
        bounds = (
            ("at least", self.at_least),
            ("more than", self.more_than),
            ("at most", self.at_most),
            ("less than", self.less_than),
        )
        return " and ".join(f"{word} {number(each)}" for word, each in bounds if each is not None)

    def about(self, automatic: str = "") -> str:
        """The description and what an automatic value chooses, that value being called so."""
        if self.automatic is None:
            return self.description
        value = automatic or in_words(self.automatic.at)
        return f"{self.description.rstrip('.')}; {value} chooses {self.automatic.chooses}."

    def row(self) -> dict[str, str]:
        """Its line of a table, by COLUMNS."""
        automatic = "" if self.automatic is None else f"{self.automatic.at}: "
        chosen = "" if self.automatic is None else self.automatic.chooses
        cells = (self.name, self.type.value, in_words(self.default), self.range)
        return dict(zip(COLUMNS, (*cells, automatic + chosen, self.description), strict=True))


def method_titles() -> dict[str, str]:
    """How a page calls the method of each round, by name."""
    return dict(TITLES)


def explained(card: MethodCard) -> str:
    """What a method does, in words, as a formula in LaTeX, and beside which others it stands."""
    lines = [f"{card.title}. {card.about}"]
    if card.formula:
        lines += ["", *(f"    {line}" for line in card.formula.splitlines())]
    if card.relatives:
        lines += ["", f"Related: {', '.join(card.relatives)}."]
    return "\n".join(lines)


def method_options(method: str | MethodCard, gear: Gear | None = None) -> list[Option]:
    """The options of a method, given by its name or its card; with a gear those that count there.

    Raises:
        ValueError: for an unknown method, or a gear that it cannot run in.
    """
    card = find_card(method) if isinstance(method, str) else method
    if gear is not None and gear not in card.gears:
        where = " or ".join(card.gears)
        raise ValueError(f"{card.name} runs in the gear {where}, not in {gear}.")
    return options_of(card.options, None if gear is None else card.effective(gear))


def options_of(model: type[BaseModel], names: Collection[str] | None = None) -> list[Option]:
    """The options of a model in its order.

    Args:
        names: those wanted; None for all.

    Raises:
        TypeError: naming a field whose type is none that an option can have.
    """
    return [
        _option(model.__name__, name, field)
        for name, field in model.model_fields.items()
        if names is None or name in names
    ]


def automatic_values(card: MethodCard, images: int, values: Mapping[str, Any]) -> dict[str, str]:
    """What automatic options of a method come to, in words, by the option's name.

    Args:
        images: labelled and unlabelled ones that it would train on.
        values: what the options are that are not at their default.
    """
    if not issubclass(card.options, TrainingConfig):
        return {}
    chosen = defaults_for(values)
    numbers = {
        "steps": steps_of({**values, "steps": 0}, images),
        "batch_size": chosen.batch_size,
        "learning_rate": chosen.learning_rate,
        "adamw_rate": chosen.adamw_rate,
    }
    return {name: number(value) for name, value in numbers.items()}


def in_words(value: Any) -> str:
    """A value in words: "on", "0.95", "small-cnn"."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return number(value) if isinstance(value, int | float) else str(value)


def number(value: float) -> str:
    """A number without needless digits: "0.0005", "30", "1,048,576"."""
    return f"{value:,.12g}"


def _option(model: str, name: str, field: FieldInfo) -> Option:
    of_type, choices, may_be_none = _type(field.annotation)
    if of_type is None:
        raise TypeError(f"{model}.{name}: there is no input for the type {field.annotation}.")
    hints: Mapping[str, Any] = {}
    if isinstance(field.json_schema_extra, dict):
        hints = field.json_schema_extra
    suggestions = hints.get("suggestions", ()) if of_type is OptionType.TEXT else ()
    return Option(
        name=name,
        type=of_type,
        description=field.description or "",
        default=field.get_default(call_default_factory=True),
        choices=(*((None,) if may_be_none and choices else ()), *choices),
        suggestions=tuple(suggestions),
        at_least=_metadata(field, annotated_types.Ge, "ge"),
        more_than=_metadata(field, annotated_types.Gt, "gt"),
        at_most=_metadata(field, annotated_types.Le, "le"),
        less_than=_metadata(field, annotated_types.Lt, "lt"),
        multiple_of=_metadata(field, annotated_types.MultipleOf, "multiple_of"),
        longest=_metadata(field, annotated_types.MaxLen, "max_length"),
        may_be_none=may_be_none,
        automatic=next((each for each in field.metadata if isinstance(each, Automatic)), None),
        usual=bool(hints.get("usual", False)),
    )


def _metadata(field: FieldInfo, of_class: type, attribute: str) -> Any:
    found = (getattr(each, attribute) for each in field.metadata if isinstance(each, of_class))
    return next(found, None)


def _type(annotation: Any) -> tuple[OptionType | None, tuple[Any, ...], bool]:
    """What values of a type are, its choices, and whether it may be None."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        rest = [each for each in inner if each is not NoneType]
        if len(rest) != 1 or len(rest) == len(inner):
            return None, (), False
        of_type, choices, _ = _type(rest[0])
        return of_type, choices, True
    if origin is Literal:
        return OptionType.CHOICE, inner, False
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return OptionType.CHOICE, tuple(annotation), False
    types = {
        bool: OptionType.SWITCH,
        int: OptionType.WHOLE,
        float: OptionType.REAL,
        str: OptionType.TEXT,
    }
    return types.get(annotation), (), False
