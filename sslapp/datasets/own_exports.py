"""Reads exports of this program back in, with all that they say of every label.

An export is known by its manifest: it names the tool, and the sha256 of every file. A table that
was changed since is no export any more, for nobody knows then who said what.
"""

import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sslapp.datasets.export import BESIDE, NONE_OF_THESE
from sslapp.datasets.pictures.archives.listing import archive_members
from sslapp.datasets.pictures.archives.reading import small_member
from sslapp.datasets.pictures.files import (
    LONGEST_GROUP,
    LONGEST_NAME,
    FilesSource,
    Placed,
    Read,
    printable,
)
from sslapp.datasets.pictures.folder import read_file, wrong_target
from sslapp.datasets.source import Refusal, Share
from sslapp.datasets.tables.cells import unescape_cell
from sslapp.vocabulary import Source, Split

TABLES = (".csv", ".parquet")
"""What a table of labels is called."""

MANIFEST, TABLE = "manifest.json", "labels.csv"
"""What is in a folder or archive beside the pictures."""

LARGEST = 2**30
"""Bytes that a manifest or table in an archive may have."""

_SOURCES = {each.name.lower(): each for each in Source if each is not Source.NONE}
_SINCE = ("at", "holdout")
"""Columns that exports of earlier versions have not."""


@dataclass(frozen=True, kw_only=True)
class OwnRow:
    """A label as an export tells it.

    Attributes:
        name, sha256, group, split: of the image; the hash is that of its pixels.
        class_name: None where no class fits.
        source: who stands for it.
        holdout: whether the image was drawn to measure.
        reader, event, at, round, confidence: of the decision where it was made first.
        project, workspace: where that was.
        file: of the picture, in an archive or folder; "" in a table.
    """

    name: str
    sha256: str
    group: str | None
    split: Split
    class_name: str | None
    source: Source
    holdout: bool
    reader: str
    event: int | None
    at: datetime | None
    round: int | None
    confidence: float | None
    project: str
    workspace: str
    file: str


@dataclass(frozen=True, eq=False, kw_only=True)
class OwnTable:
    """An export's labels.

    Attributes:
        name, sha256: of the file with the table.
        project, workspace, snapshot: whose labels they are.
        class_names: all classes, in their order.
        rows: a label each, by position there.
        files: path of a picture -> (sha256, bytes), of what came with the table.
        lacking: columns that the export has not, because an earlier version wrote it.
    """

    name: str
    sha256: str
    project: str
    workspace: str
    snapshot: str
    class_names: list[str]
    rows: list[OwnRow]
    lacking: list[str]
    files: Mapping[str, tuple[str, int]] = field(default_factory=dict)


class OwnSource(FilesSource):
    """The pictures of an export as an image source; `table` holds their labels.

    Its images have no true labels: what readers said is no truth.
    """

    def __init__(
        self,
        table: OwnTable,
        files: list[Placed],
        refused: list[Refusal],
        reading: Callable[[], AbstractContextManager[Read]],
    ) -> None:
        super().__init__(table.project, files, refused, reading)
        self.table = table
        self.class_names = table.class_names
        self._there = {file.name for file in files}

    def shares(self) -> list[Share]:
        """See `source.CountedSource`; the classes are those of the labels that come with them."""
        found = Counter(
            (row.split, row.class_name) for row in self.table.rows if row.file in self._there
        )
        return [
            Share(split=split, class_name=class_name, count=count)
            for (split, class_name), count in found.items()
        ]


def export_of(path: Path) -> Path:
    """The exported folder that a path is the table of; any other path as it is."""
    beside = path.with_name(path.name + ".manifest.json")
    is_table = path.name == TABLE and path.is_file() and not beside.exists()
    return path.parent if is_table and _facts(_kept(path.with_name(MANIFEST))) else path


def own_table(
    path: Path, *, manifest: Path | None = None, name: str | None = None
) -> OwnTable | None:
    """The labels of an export: a table with its manifest beside it, a zip archive or a folder.

    None for anything that has no manifest of this program.

    Args:
        manifest: of a table whose manifest lies elsewhere.
        name: what such a table was called when it was exported.

    Raises:
        ValueError: when the table is not what was exported, or cannot be read.
    """
    found = _manifest(path, manifest)
    if found is None:
        return None
    facts, content, kept = found
    name = name or kept
    listed = facts["files"]
    known = listed.get(name) or (listed and next(iter(listed.values()))) or {}
    digest = hashlib.sha256(content).hexdigest()
    if known.get("sha256") != digest:
        raise ValueError(
            f"{name if manifest else path.name}: {name} was changed since it was exported, so "
            "nobody knows any more who said what. Take the file as it was exported; or remove its "
            "manifest, and label with it as with any list (sslapp label): its labels are yours "
            "then."
        )
    class_names = [str(each["name"]) for each in facts["classes"]]
    frame = _parquet(content, name) if name.endswith(".parquet") else _csv(content, name)
    return OwnTable(
        name=name,
        sha256=digest,
        project=str(facts.get("project", "")),
        workspace=str(facts.get("workspace", "")),
        snapshot=str(facts.get("snapshot", "")),
        class_names=class_names,
        rows=[_row(each, facts, frozenset(class_names), name) for each in frame],
        lacking=[each for each in _SINCE if frame and each not in frame[0]],
        files={
            file: (str(said.get("sha256")), int(said.get("bytes") or 0))
            for file, said in listed.items()
            if isinstance(said, dict)
        },
    )


def own_source(path: Path, table: OwnTable) -> OwnSource:
    """The pictures of an exported archive or folder, in the order of the table.

    A picture that is missing is refused, and one that is not what was exported.
    """
    there, refused, reading = _pictures(path, table)
    files = []
    for row in table.rows:
        if row.file in there:
            called = printable(row.name)[:LONGEST_NAME]
            group = None if row.group is None else row.group[:LONGEST_GROUP]
            files.append(Placed(row.file, row.split, None, group, called))
        else:
            refused.append(Refusal(printable(row.name), "its picture is missing in the export"))
    found = _manifest(path)
    listed = {} if found is None else found[0]["files"]
    return OwnSource(table, files, refused, partial(_as_exported, reading, listed))


def _pictures(
    path: Path, table: OwnTable
) -> tuple[set[str], list[Refusal], Callable[[], AbstractContextManager[Read]]]:
    """Names of the pictures that are there, what is refused, and how they are read."""
    if not path.is_dir():
        members = archive_members(path)
        refused = [each for each in members.refused if each.name not in BESIDE]
        return set(members.names), refused, members.reading
    top = path.resolve()
    files = {row.file: top / row.file for row in table.rows if ".." not in Path(row.file).parts}
    there = {name for name, file in files.items() if file.exists() and not wrong_target(file, top)}

    @contextmanager
    def reading() -> Iterator[Read]:
        yield lambda name: read_file(files[name].resolve())

    return there, [], reading


@contextmanager
def _as_exported(
    reading: Callable[[], AbstractContextManager[Read]], listed: Mapping[str, Any]
) -> Iterator[Read]:
    """Reads pictures and refuses those whose content is not what the manifest says."""

    def checked(name: str) -> bytes:
        content = read(name)
        if hashlib.sha256(content).hexdigest() != listed.get(name, {}).get("sha256"):
            raise ValueError("it is not what was exported")
        return content

    with reading() as read:
        yield checked


def _manifest(path: Path, manifest: Path | None = None) -> tuple[dict[str, Any], bytes, str] | None:
    """An export's manifest, its table and the table's name; None for what is no export."""
    path = path if manifest else export_of(path)
    kind = path.suffix.lower()
    if path.is_dir():
        pair = _kept(path / MANIFEST), _kept(path / TABLE)
        name = TABLE
    elif kind == ".zip" and zipfile.is_zipfile(path):  # the import names what is wrong with others
        raw = small_member(path, MANIFEST, LARGEST)
        pair = raw, None if _facts(raw) is None else small_member(path, TABLE, LARGEST)
        name = TABLE
    elif kind in TABLES and path.is_file():
        beside = manifest or path.with_name(path.name + ".manifest.json")
        pair = _kept(beside), _kept(path)
        name = path.name
    else:
        return None
    facts, content = _facts(pair[0]), pair[1]
    return None if facts is None or content is None else (facts, content, name)


def _kept(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _facts(raw: bytes | None) -> dict[str, Any] | None:
    """What a manifest says, if it is one of ours."""
    try:
        found = json.loads(raw or b"null")
    except ValueError:
        return None
    ours = isinstance(found, dict) and found.get("tool") == "sslapp"
    return found if ours and "files" in found and "classes" in found else None


def _csv(content: bytes, name: str) -> list[dict[str, Any]]:
    import pandas as pd

    try:
        frame = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise ValueError(f"{name}: not valid CSV ({error}).") from error
    rows: list[dict[str, Any]] = frame.to_dict("records")  # type: ignore[assignment]
    return [{key: unescape_cell(cell) or None for key, cell in row.items()} for row in rows]


def _parquet(content: bytes, name: str) -> list[dict[str, Any]]:
    import pandas as pd

    try:
        frame = pd.read_parquet(io.BytesIO(content))
    except (ValueError, OSError) as error:
        raise ValueError(f"{name}: not a readable Parquet file ({error}).") from error
    plain = frame.astype(object).where(frame.notna(), None)
    return plain.to_dict("records")  # type: ignore[return-value]


def _row(
    said: Mapping[str, Any], facts: Mapping[str, Any], class_names: frozenset[str], name: str
) -> OwnRow:
    """A row of the table; what it does not say was first said in the exported project.

    Raises:
        ValueError: when it is none of an export.
    """
    # what no class fits has no class; experts say so
    none = said.get("source") == NONE_OF_THESE
    source = Source.EXPERT if none else _SOURCES.get(str(said.get("source")))
    where = f'{name}, image "{str(said.get("name"))[:80]}"'
    if source is None:
        raise ValueError(f"{where}: the source {said.get('source')} is none of {[*_SOURCES]}.")
    labelled = None if none else said.get("class")
    if said.get("name") is None or (labelled is None and not none):
        raise ValueError(f"{where}: name and class are needed.")
    if labelled is not None and str(labelled) not in class_names:
        raise ValueError(f"{where}: the class {str(labelled)[:80]} is none of the manifest's.")
    # its first origin stays, however often it was exported
    before = said.get("origin") is not None
    number, of_round = ("origin_event", "origin_round") if before else ("event", "round")
    try:
        return OwnRow(
            name=str(said["name"]),
            sha256=str(said.get("sha256") or ""),
            group=None if said.get("group") is None else str(said["group"]),
            split=Split(said.get("split") or Split.POOL),
            class_name=None if labelled is None else str(labelled),
            source=source,
            holdout=str(said.get("holdout")) == "True",
            reader=str(said.get("reader") or ""),
            event=_whole(said.get(number)),
            at=_moment(said.get("at")),
            round=_whole(said.get(of_round)),
            confidence=None if said.get("confidence") is None else float(said["confidence"]),
            project=str(said["origin"] if before else facts.get("project", "")),
            workspace=str(
                said.get("origin_workspace") or "" if before else facts.get("workspace", "")
            ),
            file=str(said.get("file") or ""),
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}.") from error


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    import pandas as pd

    return (
        value.to_pydatetime() if isinstance(value, pd.Timestamp) else datetime.fromisoformat(value)
    )
