"""The Typer application and what every command shares: workspace, reader, output, errors."""

import json
import logging
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import numpy as np
import structlog
import typer

from sslapp.store.errors import Damaged, DatabaseTooNew, Unknown
from sslapp.usecases.access import Access, NotAllowed, enter, what_the_disk_refused
from sslapp.workspace import Workspace

app = typer.Typer(
    name="sslapp",
    help="Label a few images, train semi-supervised, review the pseudo-labels, repeat.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Project = Annotated[
    str | None,
    typer.Option("--project", "-p", help="The project; not needed while there is only one."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Row = Mapping[str, Any]
P = ParamSpec("P")

EXPECTED = (ValueError, OSError, NotAllowed, Unknown, Damaged, DatabaseTooNew)
"""Errors whose text is meant for the one who gave the command."""


class _Invocation:
    """What the options before the command said."""

    workspace = Workspace()
    named = False
    reader: str | None = None


@app.callback()
def options(
    workspace: Annotated[
        Path | None, typer.Option(help="Folder of the workspace; default: $SSLAPP_WORKSPACE.")
    ] = None,
    reader: Annotated[str | None, typer.Option(help="Who decides; default: your account.")] = None,
) -> None:
    """Set where the commands work and who gives them."""
    # results go to standard output alone, so that they can be piped
    structlog.configure(
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    _Invocation.workspace = Workspace() if workspace is None else Workspace(workspace=workspace)
    _Invocation.named = workspace is not None
    _Invocation.reader = reader


def workspace() -> Workspace:
    """The workspace of this invocation."""
    return _Invocation.workspace


def workspace_is_named() -> bool:
    """Whether `--workspace` was given."""
    return _Invocation.named


def access() -> Access:
    """Open the workspace as the reader of this invocation."""
    return enter(_Invocation.workspace, _Invocation.reader)


def command(group: typer.Typer, name: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Register a command whose expected errors end as one line and exit status 1."""

    def register(function: Callable[P, None]) -> Callable[P, None]:
        @wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                function(*args, **kwargs)
            except EXPECTED as error:
                words = str(error)
                if isinstance(error, OSError):
                    words = what_the_disk_refused(error, workspace())
                typer.echo(f"sslapp: {words}", err=True)
                sys.exit(1)

        group.command(name)(guarded)
        return guarded

    return register


def show(result: Any, as_json: bool, text: str | Callable[[], str]) -> None:
    """Print a result: as one JSON value, or as words."""
    if as_json:
        typer.echo(json.dumps(result, default=_plain, ensure_ascii=False))
    else:
        typer.echo(text() if callable(text) else text)


def share(text: str) -> float:
    """The value of an option that is a share or a threshold, from 0 to 1.

    Raises:
        typer.BadParameter: for anything else, a decimal comma above all.
    """
    if re.fullmatch(r"(\d+\.?\d*|\.\d+)(e-?\d+)?", text.strip(), re.ASCII | re.IGNORECASE):
        value = float(text)
        if 0 <= value <= 1:
            return value
    raise typer.BadParameter(f'"{text}" is not a number from 0 to 1 with a point, such as 0.95.')


def table(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """Rows as aligned columns under their names: numbers to the right, words to the left."""
    aligned = [_column(name, [row.get(name) for row in rows]) for name in columns]
    return "\n".join("  ".join(cells).rstrip() for cells in zip(*aligned, strict=True))


def _column(name: str, values: Sequence[Any]) -> list[str]:
    cells = [name, *map(_cell, values)]
    width = max(map(len, cells))
    words = any(isinstance(value, str) for value in values)
    return [cell.ljust(width) if words else cell.rjust(width) for cell in cells]


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return str(value)
