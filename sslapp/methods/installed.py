"""Methods of other packages, found by their entry points in the group `sslapp.methods`.

An entry point names a card, and the card where the method's class stands: cards are read in
processes that must not load torch. What cannot be used is left out with the reason why; neither the
program nor another method depends on it.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from sslapp.methods.card import MethodCard
from sslapp.training.configuration import MethodConfig
from sslapp.vocabulary import Gear

if TYPE_CHECKING:
    from sslapp.training.method import Method

GROUP = "sslapp.methods"

FAILS = (Exception, SystemExit)
"""What code of others may raise as it is loaded."""

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
PLACE = re.compile(r"[\w.]+:\w+")
TYPES = ("boolean", "integer", "number", "string")
"""Of JSON: what an option can be, beside one of several."""


@dataclass(frozen=True)
class Installed:
    """A method of another package.

    Attributes:
        offered_by: the package and its version.
    """

    card: MethodCard
    offered_by: str

    def method_class(self) -> "type[Method]":
        """Its code; loads torch.

        Raises:
            ValueError: when it cannot be loaded, or does not go with its card.
        """
        try:
            return checked_class(resolve_name(self.card.code), self.card)
        except FAILS as error:
            raise ValueError(
                f'The method "{self.card.name}" of {self.offered_by} cannot be loaded from '
                f"{self.card.code}: {in_short(error)}. Update that package, or choose another "
                "method."
            ) from error


def find_installed(taken: Collection[str]) -> tuple[dict[str, Installed], list[str]]:
    """The methods of other packages by name, and a sentence for each that cannot be used.

    Args:
        taken: names of this package's methods.
    """
    found: dict[str, Installed] = {}
    problems = []
    for each in sorted(entry_points(group=GROUP), key=lambda each: (each.name, each.value)):
        try:
            card = checked_card(each.load(), {*taken, *found})
            if not PLACE.fullmatch(card.code):
                raise ValueError('its card says by code="module:Class" where its class stands')
        except FAILS as error:
            problems.append(
                f"The package {_offered_by(each)} offers the method {each.name} = {each.value}, "
                f"which cannot be used: {in_short(error)}. Update or uninstall that package, then "
                "start sslapp again; all other methods work."
            )
        else:
            found[card.name] = Installed(card, _offered_by(each))
    return found, problems


def checked_card(card: Any, taken: Collection[str]) -> MethodCard:
    """What was offered as a card, if forms and commands can show it.

    Raises:
        ValueError: saying what it has to be.
    """
    if not isinstance(card, MethodCard):
        raise ValueError(f"it is a {type(card).__name__} and has to be a MethodCard")
    if not NAME.fullmatch(card.name):
        raise ValueError(f'its name "{card.name}" has to be of a-z, 0-9 and - between them')
    if card.name in taken:
        raise ValueError(f'there is a method "{card.name}" already: give it another name')
    if not card.gears or not all(isinstance(each, Gear) for each in card.gears):
        raise ValueError("its gears have to be a tuple of Gear.PIXELS, Gear.FEATURES or both")
    if not (isinstance(card.options, type) and issubclass(card.options, MethodConfig)):
        raise ValueError("its options have to be a subclass of MethodConfig")
    card.options()
    schema = card.options.model_json_schema()
    for name, field in schema.get("properties", {}).items():
        if not field.get("description"):
            raise ValueError(f"its option {name} needs a description")
        if not _has_input(field, schema.get("$defs", {})):
            raise ValueError(
                f"its option {name} has to be a bool, int, float, str, Literal or Enum, or None"
            )
    return card


def _has_input(field: Mapping[str, Any], defined: Mapping[str, Any]) -> bool:
    """Whether a form has an input for a field of a JSON schema."""
    kinds = [each for each in field.get("anyOf", [field]) if each.get("type") != "null"]
    if len(kinds) != 1:
        return False
    (kind,) = kinds
    kind = defined.get(kind["$ref"].rpartition("/")[2], {}) if "$ref" in kind else kind
    return bool(kind.keys() & {"enum", "const"}) or (
        kind.get("type") in TYPES and "format" not in kind
    )


def checked_class(found: Any, card: MethodCard) -> "type[Method]":
    """What a card says is its method, if it is one.

    Raises:
        ValueError: saying what it has to be.
    """
    from sslapp.training.method import Method  # torch

    if not (isinstance(found, type) and issubclass(found, Method)):
        raise ValueError(f"{found!r} is no subclass of Method")
    if getattr(found, "Config", None) is not card.options:
        raise ValueError(f"{found.__name__}.Config has to be the card's {card.options.__name__}")
    return found


def in_short(error: BaseException) -> str:
    """An error on one line; of one that says no more its type as well."""
    said = " ".join(str(error).split())
    return said if type(error) is ValueError and said else f"{type(error).__name__}: {said}"


def _offered_by(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "of an unknown name"
