"""Write into the docs what the program says of itself: `python docs/write.py`, or `make docs`.

Tables of options stand in methods.md, each behind its mark; cli.md is the reference of all
commands. A test compares both with what would be written.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from sslapp.cli import app
from sslapp.methods.registry import BUILT_IN
from sslapp.methods.threshold.config import AveragingConfig, ThresholdConfig, WeightsConfig
from sslapp.training.configuration import (
    ConsistencyConfig,
    LongConfig,
    MethodConfig,
    TrainingConfig,
)
from sslapp.usecases.training.options import COLUMNS, in_words, options_of

DOCS = Path(__file__).parent

_CONFIGS: tuple[type[MethodConfig], ...] = (
    LongConfig,
    TrainingConfig,
    ConsistencyConfig,
    WeightsConfig,
    ThresholdConfig,
    AveragingConfig,
    *(card.options for card in BUILT_IN.values() if card.options.model_fields),
)
CONFIGS = {each.__name__: each for each in _CONFIGS}
"""The classes whose options have a table in methods.md, by the name in its mark."""

MARK = re.compile(r"<!-- options: (\w+) -->\n(?:\|.*\n)*")

CLI_HEAD = """# Commands

Written by `make docs` from the program; `sslapp COMMAND --help` says the same. `--workspace` and
`--reader` stand before the command: `sslapp --workspace FOLDER status`. Options of a method are
given as `--set NAME=VALUE`; `sslapp round options METHOD` and [methods.md](methods.md) list them.
"""


def pages() -> dict[Path, str]:
    """What every written page should hold."""
    methods = DOCS / "methods.md"
    return {
        methods: with_tables(methods.read_text(encoding="utf-8")),
        DOCS / "cli.md": cli_reference(),
    }


def with_tables(page: str) -> str:
    """The page with the table of options that each mark asks for.

    Raises:
        ValueError: for a mark of no class of options, or a class without a mark.
    """
    marked = MARK.findall(page)
    for name in sorted(set(marked) ^ CONFIGS.keys()):
        raise ValueError(
            f"methods.md: the mark <!-- options: {name} --> and the options of the program do not "
            "go together; add the mark to the page, or take it out."
        )
    return MARK.sub(lambda found: f"{found[0].splitlines()[0]}\n{options_table(found[1])}", page)


def options_table(name: str) -> str:
    """The table of the options that a class adds to those of the nearest parent that has a table,
    or has otherwise."""
    config = CONFIGS[name]
    parent = next((each for each in config.__mro__[1:] if each in _CONFIGS), MethodConfig)
    inherited = options_of(parent)
    own = options_of(config)
    rows = [each.row() for each in own if each not in inherited]
    return _table(COLUMNS, [[f"`{row['option']}`", *list(row.values())[1:]] for row in rows])


def cli_reference() -> str:
    """The whole of cli.md."""
    program = typer.main.get_command(app)
    assert isinstance(program, TyperGroup)
    parts = [CLI_HEAD, f"## `sslapp`\n\n{_command('sslapp', program)}"]
    parts += [
        f"## `{path}`\n\n{_command(path, each)}" for path, each in _commands("sslapp", program)
    ]
    return "\n".join(parts)


def _commands(path: str, group: TyperGroup) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _commands(f"{path} {name}", command)
        elif not command.hidden:
            yield f"{path} {name}", command


def _command(path: str, command: Any) -> str:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [
        each
        for each in command.params
        if each.param_type_name == "option" and each.name != "help" and not each.hidden
    ]
    names = [_argument(each) for each in arguments]
    usage = " ".join([path, *(["[OPTIONS]"] if options else []), *names])
    rows = [[f"`{_argument(each)}`", _default(each), each.help or ""] for each in arguments]
    rows += [[f"`{_flags(each)}`", _default(each), each.help or ""] for each in options]
    about = " ".join((command.help or "").split())
    table = _table(("argument or option", "default", "what it is"), rows) if rows else ""
    return "\n".join([about, "", f"    {usage}", *(["", table] if table else [""])])


def _argument(parameter: Any) -> str:
    name = (parameter.metavar or parameter.name).upper() + ("..." if parameter.nargs == -1 else "")
    return name if parameter.required else f"[{name}]"


def _flags(parameter: Any) -> str:
    flags = ", ".join(parameter.opts)
    return f"{flags} / {', '.join(parameter.secondary_opts)}" if parameter.secondary_opts else flags


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    return "" if parameter.default in (None, [], ()) else in_words(parameter.default)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [list(columns), ["---"] * len(columns), *rows]
    cells = [[" ".join(cell.split()).replace("|", "\\|") for cell in line] for line in lines]
    ruled = [f"|{'|'.join(line)}|" if at == 1 else _line(line) for at, line in enumerate(cells)]
    return "\n".join(ruled) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Write every page that is not as it should be."""
    for path, text in pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"Wrote {path.relative_to(DOCS.parent)}.")


if __name__ == "__main__":
    main()
