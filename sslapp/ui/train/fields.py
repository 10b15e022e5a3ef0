"""What a form needs to know of a model's field: which kind of input, its bounds, its default."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

AUTOMATIC, NOTHING = "automatic", "none"

CHOOSES = "0 chooses"
"""What the description of a number says that is automatic at 0."""

FINEST_OF_SHARES = 0.05
"""Largest step of a number that lies in a range of at most 1."""


class Kind(Enum):
    """The input that suits a type."""

    SWITCH = auto()
    CHOICE = auto()
    WHOLE = auto()
    REAL = auto()
    TEXT = auto()
    SUGGESTED = auto()


@dataclass(frozen=True, kw_only=True)
class Option:
    """One field.

    Attributes:
        name, title: in the model, and as a reader reads it.
        about: its description with the default and the bounds.
        default: the model's, or the project's in its place.
        choices: of a CHOICE, and what is offered for a SUGGESTED text.
        least, most, step: of a number; open bounds are left to the model.
        longest: characters of a TEXT.
        empty: what an empty number means, "automatic" or "none"; "" when it may not be empty.
        automatic: the value that an empty one stands for.
        usual: whether it is shown at once.
    """

    name: str
    title: str
    about: str
    kind: Kind
    default: Any
    choices: tuple[Any, ...] = ()
    least: float | None = None
    most: float | None = None
    step: float | None = None
    longest: int | None = None
    empty: str = ""
    automatic: Any = None
    usual: bool = False

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

    def said(self, value: Any) -> str:
        """A value in words: "automatic", "on", "0.95"."""
        if self.empty and value == self.automatic:
            return self.empty
        if isinstance(value, bool):
            return "on" if value else "off"
        return number(value) if isinstance(value, int | float) else str(value)


def options_of(
    model: type[BaseModel], names: Collection[str] | None, defaults: Mapping[str, Any]
) -> list[Option]:
    """The options of a model in its order.

    Args:
        names: those wanted; None for all.
        defaults: values that replace the model's defaults.

    Raises:
        TypeError: naming a field whose type has no input.
    """
    fields = model.model_fields.items()
    return [
        _option(model.__name__, name, field, defaults)
        for name, field in fields
        if names is None or name in names
    ]


def _option(model: str, name: str, field: FieldInfo, defaults: Mapping[str, Any]) -> Option:
    kind, choices, may_be_none = _kind(field.annotation)
    if kind is None:
        raise TypeError(f"{model}.{name}: there is no input for the type {field.annotation}.")
    hints = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    default = defaults.get(name, field.get_default(call_default_factory=True))
    suggestions = hints.get("suggestions")
    if kind is Kind.TEXT and isinstance(suggestions, list):
        kind, choices = Kind.SUGGESTED, tuple(suggestions)
    is_number = kind in (Kind.WHOLE, Kind.REAL)
    automatic = 0 if is_number and default == 0 and CHOOSES in (field.description or "") else None
    least, most = _bounds(field, whole=kind is Kind.WHOLE) if is_number else (None, None)
    option = Option(
        name=name,
        title=name.replace("_", " ").capitalize(),
        about="",
        kind=kind,
        default=default,
        choices=(*((None,) if may_be_none else ()), *choices),
        least=least,
        most=most,
        step=_step(field, kind, default, least, most) if is_number else None,
        longest=next((each.max_length for each in _of(field, annotated_types.MaxLen)), None),
        empty=(AUTOMATIC if automatic is not None else NOTHING if may_be_none else "")
        if is_number
        else "",
        automatic=automatic,
        usual=bool(hints.get("usual", False)),
    )
    return _described(option, field)


def _described(option: Option, field: FieldInfo) -> Option:
    """The option with its description, default and bounds as one text."""
    bounds = [
        f"{word} {number(getattr(each, attribute))}"
        for kind, attribute, word in (
            (annotated_types.Ge, "ge", "at least"),
            (annotated_types.Gt, "gt", "more than"),
            (annotated_types.Le, "le", "at most"),
            (annotated_types.Lt, "lt", "less than"),
        )
        for each in _of(field, kind)
    ]
    facts = [f"Default: {option.said(option.default)}", *([" and ".join(bounds)] if bounds else [])]
    about = (field.description or "").replace(CHOOSES, f"{AUTOMATIC} chooses")
    return replace(option, about=f"{about} {'; '.join(facts)}.".strip())


def number(value: float) -> str:
    """A number without needless digits: "0.0005", "30", "1,048,576"."""
    return f"{value:,.12g}"


def _kind(annotation: Any) -> tuple[Kind | None, tuple[Any, ...], bool]:
    """The kind of input for a type, its choices, and whether it may be None."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        rest = [each for each in inner if each is not NoneType]
        if len(rest) != 1 or len(rest) == len(inner):
            return None, (), False
        kind, choices, _ = _kind(rest[0])
        return kind, choices, True
    if origin is Literal:
        return Kind.CHOICE, inner, False
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return Kind.CHOICE, tuple(annotation), False
    kinds = {bool: Kind.SWITCH, int: Kind.WHOLE, float: Kind.REAL, str: Kind.TEXT}
    return kinds.get(annotation), (), False


def _of(field: FieldInfo, kind: type) -> list[Any]:
    return [each for each in field.metadata if isinstance(each, kind)]


def _bounds(field: FieldInfo, *, whole: bool) -> tuple[float | None, float | None]:
    """Least and most that an input can check: closed bounds, and open ones of whole numbers."""
    least: list[float] = [each.ge for each in _of(field, annotated_types.Ge)]
    most: list[float] = [each.le for each in _of(field, annotated_types.Le)]
    above = [each.gt for each in _of(field, annotated_types.Gt)]
    below = [each.lt for each in _of(field, annotated_types.Lt)]
    if whole:
        least += [math.floor(each) + 1 for each in above]
        most += [math.ceil(each) - 1 for each in below]
        return _first(max, least, int), _first(min, most, int)
    # the input's own bounds are closed; that the end itself is refused is the model's to say
    return _first(max, least + above, float), _first(min, most + below, float)


def _first(choose: Any, values: list[float], number: type) -> Any:
    return number(choose(values)) if values else None


def _step(
    field: FieldInfo, kind: Kind, default: Any, least: float | None, most: float | None
) -> float:
    """A step that changes the number a little: 0.01 for 0.95, 0.0001 for 0.0005, 1 for 30."""
    for each in _of(field, annotated_types.MultipleOf):
        return int(each.multiple_of) if kind is Kind.WHOLE else float(each.multiple_of)
    if kind is Kind.WHOLE:
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
