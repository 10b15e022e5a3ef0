"""A plugin: one Python file outside of every package that holds a method and its card.

It is run as it is read here, with all the rights of this process: only who has the shell names such
a file. A round keeps its path and the hash of what was read, and its worker runs nothing else.
"""

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sslapp.methods.card import MethodCard
from sslapp.methods.installed import FAILS, checked_card, checked_class, in_short
from sslapp.methods.registry import CARDS

if TYPE_CHECKING:
    from sslapp.training.method import Method


@dataclass(frozen=True)
class Plugin:
    """A file's method.

    Attributes:
        path: of the file, absolute.
        sha256: of its content, in hex.
    """

    card: MethodCard
    method: "type[Method]"
    path: Path
    sha256: str

    def row(self) -> dict[str, str]:
        """What a round's plan keeps of it."""
        return {"path": str(self.path), "sha256": self.sha256}


def read_plugin(path: Path) -> Plugin:
    """Run a file and return its method; loads torch.

    Raises:
        ValueError: when there is no such file, or no method in it that can be used.
    """
    whole = path.absolute()
    content = _read(whole, "Name the file that holds your method.")
    return _run(whole, content, taken=frozenset(CARDS))


def read_planned(row: Mapping[str, Any]) -> Plugin:
    """Run the file that a round was started with.

    Args:
        row: what `Plugin.row` gave.

    Raises:
        ValueError: when it is there no more, or no longer what it was.
    """
    path = Path(row["path"])
    mend = "Put it back as it was and resume the round, or start a new one with --plugin."
    content = _read(path, mend)
    if _hash(content) != row["sha256"]:
        raise ValueError(
            f"The plugin {path} was changed after the round was started with it: its sha256 was "
            f"{row['sha256'][:12]}... and is {_hash(content)[:12]}... {mend}"
        )
    return _run(path, content, taken=frozenset())


def _read(path: Path, mend: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"The plugin {path} cannot be read: {error.strerror}. {mend}") from None


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _run(path: Path, content: bytes, *, taken: frozenset[str]) -> Plugin:
    """What was hashed is what is run, whatever happens to the file meanwhile."""
    sha256 = _hash(content)
    module = ModuleType(f"sslapp_plugin_{sha256}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses and pydantic look their module up
    try:
        exec(compile(content, path, "exec"), module.__dict__)
        card = checked_card(getattr(module, "CARD", None), taken)
        return Plugin(card, _method(module, card), path, sha256)
    except FAILS as error:
        del sys.modules[module.__name__]
        raise ValueError(
            f"The plugin {path}{_line(error, path)} cannot be used: {in_short(error)}. Mend the "
            "file; docs/architecture.md shows what one holds."
        ) from error


def _method(module: ModuleType, card: MethodCard) -> "type[Method]":
    """The class of the file whose options are the card's."""
    own = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and each.__module__ == module.__name__
    ]
    mine = [each for each in own if getattr(each, "Config", None) is card.options]
    if len(mine) != 1:
        raise ValueError(
            f"{len(mine)} of its classes have Config = {card.options.__name__}, the options of its "
            "CARD; it has to be one, a subclass of Method"
        )
    return checked_class(mine[0], card)


def _line(error: BaseException, path: Path) -> str:
    """ ", line 7," where the file itself is what fails."""
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}," if error.filename == str(path) else ""
    number, step = None, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == str(path):
            number = step.tb_lineno
        step = step.tb_next
    return "" if number is None else f", line {number},"
