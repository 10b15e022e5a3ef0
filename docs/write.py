"""Write into the docs what the program says of itself: `python docs/write.py`, or `make docs`.

Tables of options stand in methods.md, each behind its mark; cli.md is the reference of all
commands; formats.md has small trees and lists, and behind each what the program makes of it. Tests
compare all three with what would be written.

In a tree of formats.md a line is a file; those of a text file are indented below its name:

    cats/1.png
    more.zip/dogs/2.png
    study.csv:
        path,class
        cats/1.png,cat
"""

import io
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import typer
from PIL import Image
from typer.core import TyperGroup

from sslapp.cli import app
from sslapp.datasets.known.catalogue import KNOWN
from sslapp.datasets.pictures.files import SPLITS, SUFFIXES
from sslapp.datasets.pictures.reading import Meaning, Reading
from sslapp.datasets.registry import open_source
from sslapp.datasets.source import ImageSource, Refusal
from sslapp.datasets.tables.columns import USUAL
from sslapp.datasets.tables.label_list import LabelRow, ListReading, read_labels
from sslapp.datasets.tables.reading import LISTS, open_table
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

BECOMES = re.compile(
    r"(<!-- (layout|list|table): (.+) -->\n)((?:\n```text\n(?:.*\n)*?```\n)?)"
    r"(?:.*\n)*?(<!-- end -->\n)"
)
"""A mark of formats.md, the tree or list below it, what the program makes of that, and the end."""

FOLDER = "set"
"""What the folder that a tree stands in is called."""

CLI_HEAD = """# Commands

Written by `make docs` from the program; `sslapp COMMAND --help` says the same. `--workspace` and
`--reader` stand before the command: `sslapp --workspace FOLDER status`. Options of a method are
given as `--set NAME=VALUE`; `sslapp round options METHOD` and [methods.md](methods.md) list them.
"""


def pages() -> dict[Path, str]:
    """What every written page should hold."""
    methods = DOCS / "methods.md"
    formats = DOCS / "formats.md"
    return {
        formats: with_formats(formats.read_text(encoding="utf-8")),
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


def with_formats(page: str) -> str:
    """The page with what the program makes of the tree or list behind each mark, and its tables."""

    def written(found: re.Match[str]) -> str:
        mark, kind, what, block, end = found.groups()
        inside = block.removeprefix("\n```text\n").removesuffix("```\n")
        match kind:
            case "layout":
                made = layout_becomes(what, inside)
            case "list":
                made = list_becomes(inside)
            case _:
                made = _format_table(what)
        return f"{mark}{block}\n{made}\n{end}"

    return BECOMES.sub(written, page)


def layout_becomes(opened: str, tree: str) -> str:
    """What an import of a tree takes in, leaves out, asks or refuses.

    Args:
        opened: what is imported: "." for the folder, or a path in it; behind spaces what is said of
            it, as in "levels=group,class" and "pattern=p(.)".
        tree: as above.
    """
    what, *said = opened.split(" ")
    options = dict(each.split("=", 1) for each in said)
    levels = options.get("levels")
    reading = Reading(
        levels=None if levels is None else tuple(map(Meaning, levels.split(","))),
        group_pattern=options.get("pattern"),
    )
    with tempfile.TemporaryDirectory() as where:
        root = Path(where) / FOLDER
        _build(root, files_of(tree))
        try:
            source = open_source(str(root / what), reading=reading)
            return _source(source)
        except ValueError as error:
            return f"Refused: *{str(error).replace(f'{where}/', '')}*\n"


def list_becomes(content: str) -> str:
    """What a list of labels says of the images and classes of a project, or why it is refused.

    Args:
        content: a tree of one list, below the lines "images: a, b" and "classes: a, b".
    """
    images, classes, *rest = content.splitlines()
    names = [each.strip() for each in images.removeprefix("images:").split(",")]
    ((name, text),) = files_of("\n".join(rest)).items()
    class_names = [each.strip() for each in classes.removeprefix("classes:").split(",")]
    predictions = name.startswith("predictions")
    found = read_labels(
        open_table(text, name),
        names=names,
        hashes=[f"{number:064x}" for number in range(len(names))],
        class_names=class_names,
        reading=ListReading(predictions=predictions),
    )
    rows = [
        [str(row.line), names[row.position], row.class_name, *_shares(row)] for row in found.rows
    ]
    headings = ("line", "image", "class", *(class_names if predictions else ()))
    parts = [_table(headings, rows)] if rows else []
    parts += [f"Refused: *{each}*\n" for each in found.errors]
    for kind, lines in found.left_out.items():
        parts.append(f"Left alone, because the {kind}: {'; '.join(lines.first)}\n")
    return "\n".join(parts)


def _shares(row: LabelRow) -> list[str]:
    return [] if row.shares is None else [f"{each:.2f}" for each in row.shares]


def files_of(tree: str) -> dict[str, bytes]:
    """Path -> content of the files of a tree; pictures have pixels of their own."""
    files: dict[str, bytes] = {}
    texts: dict[str, list[str]] = {}
    name = ""
    for line in tree.splitlines():
        if line.startswith("    ") and name in texts:
            texts[name].append(line[4:])
        elif line.endswith(":"):
            name = line[:-1]
            texts[name] = []
        elif line.strip():
            name = line.strip()
            picture = PurePosixPath(name).suffix.lower() in {*SUFFIXES, ""}
            files[name] = _png(len(files)) if picture else name.encode()
    return files | {name: ("\n".join(lines) + "\n").encode() for name, lines in texts.items()}


def _build(root: Path, files: dict[str, bytes]) -> None:
    archives: dict[str, dict[str, bytes]] = {}
    for name, content in files.items():
        before, packed, inside = name.partition(".zip/")
        if packed:
            archives.setdefault(f"{before}.zip", {})[inside] = content
            continue
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for name, members in archives.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_zip(members))


def _zip(members: dict[str, bytes]) -> bytes:
    inner: dict[str, dict[str, bytes]] = {}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, each in members.items():
            before, packed, inside = name.partition(".zip/")
            if packed:
                inner.setdefault(f"{before}.zip", {})[inside] = each
            else:
                archive.writestr(name, each)
        for name, found in inner.items():
            archive.writestr(name, _zip(found))
    return content.getvalue()


def _png(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (8, 8), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def _source(source: ImageSource) -> str:
    names = source.class_names or []
    rows, refused = [], [*source.refused]
    for each in source.items():
        if isinstance(each, Refusal):
            refused.append(each)
            continue
        known = "" if each.true_class is None else names[each.true_class]
        rows.append([f"`{each.name}`", each.split.value, known, each.group or ""])
    parts = [_table(("image", "split", "class", "group"), rows)]
    if refused:
        parts.append(
            _table(("left out", "why"), [[f"`{each.name}`", each.reason] for each in refused])
        )
    return "\n".join(parts)


def _format_table(what: str) -> str:
    """One of the tables of formats.md.

    Raises:
        ValueError: when there is none of that name.
    """
    match what:
        case "endings":
            rows = [["pictures", _code(sorted(SUFFIXES))], ["lists", _code(LISTS)]]
            return _table(("what", "endings"), rows)
        case "splits":
            rows = [[f"`{name}`", split.value] for name, split in SPLITS.items()]
            return _table(("folder", "its images are"), rows)
        case "columns":
            named = [
                [use.value, "; else ".join(_code(group) for group in groups)]
                for use, groups in USUAL.items()
            ]
            return _table(("column for the", "usual headings"), named)
        case "sets":
            cards = [
                [
                    f"`{card.name}`",
                    f"{card.title}: {card.about}",
                    card.licence,
                    f"{card.megabytes:,} MB" if card.megabytes else "",
                    f"`{card.home + '/' if card.home else ''}{card.layout}`" if card.layout else "",
                ]
                for card in KNOWN.values()
                if not card.name.endswith(("_64", "_128", "_224"))
            ]
            return _table(("name", "what it is", "licence", "download", "lies in"), cards)
    raise ValueError(f"formats.md: there is no table {what}.")


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


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
