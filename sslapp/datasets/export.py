"""Writes a labelled set out: CSV, Excel, Parquet, a folder or zip of images, each with a manifest.

An export is there completely or not at all. The same labels give the same bytes, and the manifest
names the snapshot they came from and the sha256 of every file, so a copy can be checked later.
"""

import hashlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from sslapp import __version__, durable
from sslapp.datasets.tables.cells import escape_cell, safe_stem
from sslapp.datasets.tables.workbook import workbook_of
from sslapp.imaging.decode import suffix
from sslapp.vocabulary import Split

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = ("position", "name", "class", "source")
"""The columns that every export has; others (confidence, round, reader, ...) are kept."""


NONE_OF_THESE = "none of these"
"""The source of a row without a class: readers said that none of the classes fits the image."""

NOTHING_FITS = "none_of_these"
"""Their folder, beside that of the classes: who reads that one as classes finds no other there."""

POOL, TEST = "images", "test"
"""Folders of the classes' folders: of the images that may be trained on, and of the test split."""

METADATA = "metadata.jsonl"
"""In each of the two: what the table says of its images, as readers of image folders expect it."""

BESIDE = ("manifest.json", "labels.csv", "README.md", f"{POOL}/{METADATA}", f"{TEST}/{METADATA}")
"""What an exported folder or archive may hold beside pictures."""

AS_THEY_CAME = (
    "Files as they were imported: turn them by their EXIF orientation and convert their colours by "
    "their ICC profile, as readers saw them."
)
"""What a manifest says of the pictures beside it."""

_COUNTED = (
    "Programs that read folders as classes count those that are there by the alphabet instead: "
    "take the numbers from here, or from `label` in metadata.jsonl."
)

ORDER = (
    "Each class has the number `index` and, where it has images, the folder `folder` below images/ "
    f"and test/. {_COUNTED}"
)
"""What a manifest says of the numbers of classes."""

_HOLDS = {
    POOL: "holds what may be trained on (the column `holdout` names what was kept from it to "
    "measure)",
    TEST: "holds the test split",
    NOTHING_FITS: "holds images that no class fits",
}


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where the exported labels come from.

    Attributes:
        project: the project's name.
        workspace: id of its workspace.
        snapshot: hash of the snapshot.
        head: number and hash of the last event that the labels come from; who keeps it can tell
            later whether the log was cut off or rewritten.
        class_names: all classes in column order, also those without an image.
        included: the sources whose labels were asked for; None for all.
        certificate: what is proven of the project's labels, in numbers and words.
    """

    project: str
    snapshot: str
    head: tuple[int, str]
    class_names: list[str]
    included: Sequence[str] | None = None
    certificate: Mapping[str, Any] | None = None
    workspace: str = ""


def write_csv(rows: "pd.DataFrame", path: Path, provenance: Provenance) -> Path:
    """Write rows as UTF-8 CSV with a `snapshot` column; return its manifest's path.

    Text cells and headings that a spreadsheet would run as formulas are escaped with an
    apostrophe; numbers stay numbers.

    Args:
        rows: columns REQUIRED and any others, one row an image.
        path: the .csv file; the manifest lies beside it as <name>.manifest.json.
        provenance: goes into the manifest.

    Raises:
        ValueError: when a column is missing, a position occurs twice or a class is unknown.
    """
    rows = _checked(rows, provenance)
    durable.write_bytes(path, _csv(rows))
    return _manifest_beside(path, rows, provenance)


def write_parquet(rows: "pd.DataFrame", path: Path, provenance: Provenance) -> Path:
    """Write rows as Parquet (values unescaped, typed); return its manifest's path.

    Args and errors as for `write_csv`.
    """
    import pyarrow as pa
    from pyarrow import parquet

    rows = _checked(rows, provenance)
    table = pa.Table.from_pandas(rows, preserve_index=False)
    table = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), b"sslapp.snapshot": provenance.snapshot.encode()}
    )

    def fill(file: BinaryIO) -> None:
        parquet.write_table(table, file)

    durable.write(path, fill)
    return _manifest_beside(path, rows, provenance)


def write_workbook(rows: "pd.DataFrame", path: Path, provenance: Provenance) -> Path:
    """Write rows as an Excel workbook of one sheet, labels; return its manifest's path.

    It opens with a double click wherever CSV in UTF-8 does not. Text stays text, so nothing needs
    to be escaped.

    Args and errors as for `write_csv`; also when there are more rows than a sheet can have.
    """
    rows = _checked(rows, provenance)
    cells = ([_value(each) for each in row] for row in rows.itertuples(index=False))
    durable.write_bytes(path, workbook_of("labels", [*map(str, rows.columns)], cells))
    return _manifest_beside(path, rows, provenance)


def _value(value: Any) -> Any:
    """A cell of a data frame as a plain value."""
    import pandas as pd

    if pd.isna(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


def write_image_folder(
    rows: "pd.DataFrame",
    folder: Path,
    provenance: Provenance,
    content: Callable[[int], bytes],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Write images/<class>/<position>_<name>.<type>, labels.csv, README.md and manifest.json;
    return the manifest's path. Images of the test split lie in test/<class>/, those that no class
    fits in none_of_these/, beside images/. A class without an image has no folder.

    Both folders can be read as image folders (torchvision, or datasets of Hugging Face, which finds
    the columns of the table in metadata.jsonl and the splits in README.md).

    Names of classes and images are made safe; the position in front keeps them apart, and the type
    is that of the file's content, whatever its name said. labels.csv has a column `file`.

    Args:
        rows: as for `write_csv`.
        folder: is created; it must not exist.
        provenance: goes into the manifest.
        content: maps a position to the bytes of its picture file.
        progress: called as progress(done, total) after each image.

    Raises:
        FileExistsError: when `folder` exists.
        ValueError: as for `write_csv`, or when a content is no picture.
    """
    rows = _checked(rows, provenance)
    if folder.exists():
        raise FileExistsError(f"{folder} exists already; choose another name or remove it.")
    building = durable.temporary(folder)
    building.mkdir(parents=True)
    try:
        _put_set(
            rows, provenance, content, lambda name, data: _write(building / name, data), progress
        )
        for inside in [*building.rglob("*"), building]:
            if inside.is_dir():
                durable.sync_folder(inside)
        building.rename(folder)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    durable.sync_folder(folder.parent)
    return folder / "manifest.json"


def write_image_zip(
    rows: "pd.DataFrame",
    path: Path,
    provenance: Provenance,
    content: Callable[[int], bytes],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Write what `write_image_folder` writes into one zip file; return its manifest's path.

    The manifest lies in the zip, and beside it as <name>.manifest.json. The same labels give the
    same bytes.

    Args and errors as for `write_image_folder`; an existing file is replaced.
    """
    rows = _checked(rows, provenance)
    manifest = b""

    def fill(file: BinaryIO) -> None:
        nonlocal manifest
        with zipfile.ZipFile(file, "w") as archive:

            def put(name: str, data: bytes) -> None:
                # pictures are compressed already; the date is fixed, or bytes would differ
                packed = name.endswith((".csv", ".json", ".jsonl", ".md"))
                entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, data)

            manifest = _put_set(rows, provenance, content, put, progress)

    durable.write(path, fill)
    beside = path.with_name(path.name + ".manifest.json")
    durable.write_bytes(beside, manifest)
    return beside


def _checked(rows: "pd.DataFrame", provenance: Provenance) -> "pd.DataFrame":
    missing = [column for column in REQUIRED if column not in rows.columns]
    if missing:
        raise ValueError(f"The export lacks the column(s) {', '.join(missing)}.")
    twice = rows.loc[rows["position"].duplicated(), "position"]
    if len(twice):
        raise ValueError(f"The export names position {twice.iloc[0]} twice.")
    unnamed = rows["class"].isna() & (rows["source"] != NONE_OF_THESE)
    if unnamed.any():
        position = rows.loc[unnamed, "position"].iloc[0]
        raise ValueError(f"The export names no class for position {position}.")
    unknown = set(rows["class"].dropna()) - set(provenance.class_names)
    if unknown:
        raise ValueError(
            f'The export has the class "{min(map(str, unknown))}", which is not one of '
            f"{', '.join(provenance.class_names)}."
        )
    return rows.sort_values("position", ignore_index=True).assign(snapshot=provenance.snapshot)


def _csv(rows: "pd.DataFrame") -> bytes:
    import pandas as pd

    safe = pd.DataFrame(
        {
            escape_cell(str(column)): [
                escape_cell(cell) if isinstance(cell, str) else cell for cell in rows[column]
            ]
            if rows[column].dtype.kind not in "iufb"
            else rows[column]
            for column in rows.columns
        }
    )
    # CR LF as in RFC 4180; with LF alone the writer would leave a CR inside a cell unquoted
    return safe.to_csv(index=False, lineterminator="\r\n").encode("utf-8")


def _put_set(
    rows: "pd.DataFrame",
    provenance: Provenance,
    content: Callable[[int], bytes],
    put: Callable[[str, bytes], None],
    progress: Callable[[int, int], None],
) -> bytes:
    """Put the images, what describes them and the manifest, by name; return the manifest."""
    files = _put_images(rows, provenance, content, put, progress)
    table = rows.assign(file=list(files))
    beside = {"labels.csv": _csv(table)}
    for part in (POOL, TEST):
        within = table[table["file"].str.startswith(f"{part}/")]
        if len(within):
            beside[f"{part}/{METADATA}"] = _metadata(within, part, provenance)
    beside["README.md"] = _readme(provenance, files)
    for name, data in beside.items():
        put(name, data)
    listed = {**{name: _facts(data) for name, data in beside.items()}, **files}
    manifest = _manifest(rows, provenance, listed, pictures=AS_THEY_CAME, order=ORDER, folders=True)
    put("manifest.json", manifest)
    return manifest


def _put_images(
    rows: "pd.DataFrame",
    provenance: Provenance,
    content: Callable[[int], bytes],
    put: Callable[[str, bytes], None],
    progress: Callable[[int, int], None],
) -> dict[str, dict[str, Any]]:
    import pandas as pd

    folders = _class_folders(provenance.class_names)
    digits = len(str(rows["position"].max())) if len(rows) else 1
    files = {}
    splits = rows["split"] if "split" in rows else [Split.POOL] * len(rows)
    columns = zip(rows["position"], rows["name"], rows["class"], splits, strict=True)
    for done, (position, name, class_name, split) in enumerate(columns, start=1):
        picture = content(int(position))
        stem = f"{position:0{digits}d}_{safe_stem(str(name))}"
        part = TEST if split == Split.TEST else POOL
        folder = NOTHING_FITS if pd.isna(class_name) else f"{part}/{folders[class_name]}"
        file = f"{folder}/{stem}{suffix(picture)}"
        put(file, picture)
        files[file] = _facts(picture)
        progress(done, len(rows))
    return files


def _has(files: Mapping[str, Any], part: str) -> bool:
    return any(name.startswith(f"{part}/") for name in files)


def _metadata(rows: "pd.DataFrame", part: str, provenance: Provenance) -> bytes:
    """A JSON object an image: its path below the part, its class's number, the table's columns."""
    import pandas as pd

    index = {name: number for number, name in enumerate(provenance.class_names)}
    paths = rows["file"].str.removeprefix(f"{part}/")
    first = pd.DataFrame({"file_name": paths, "label": rows["class"].map(index)})
    rest = rows.drop(columns=["file", *first.columns], errors="ignore")
    table = pd.concat([first, rest], axis="columns")
    text = table.to_json(orient="records", lines=True, force_ascii=False, date_format="iso")
    return text.encode("utf-8")


def _readme(provenance: Provenance, files: Mapping[str, Any]) -> bytes:
    """What the folders that are there are, for people, and where the splits lie, for the hub's
    reader.
    """
    parts = [each for each in (POOL, TEST) if _has(files, each)]
    splits = {POOL: "train", TEST: "test"}
    data = "".join(f'  - split: {splits[each]}\n    path: "{each}/**"\n' for each in parts)
    head = f"---\nconfigs:\n- config_name: default\n  data_files:\n{data}---\n\n" if parts else ""
    lines = [
        f"# {_plain(provenance.project)}",
        "",
        "Labelled images, exported by sslapp. labels.csv says who gave each label and how, "
        "manifest.json where they come from, with the sha256 of every file.",
        "",
        *(f"- {each}/ {holds}." for each, holds in _HOLDS.items() if _has(files, each)),
        f"- {AS_THEY_CAME}",
        f"- Each class has the number `index`. {_COUNTED}",
        "",
        "| index | class | folders |",
        "|---|---|---|",
    ]
    folders = _class_folders(provenance.class_names)
    filled = {name.rpartition("/")[0] for name in files}
    for number, name in enumerate(provenance.class_names):
        there = [f"{each}/{folders[name]}" for each in parts]
        shown = ", ".join(each for each in there if each in filled) or "no image has it"
        lines.append(f"| {number} | {_plain(name)} | {shown} |")
    return (head + "\n".join(lines) + "\n").encode("utf-8")


def _plain(name: str) -> str:
    """A name in Markdown, as it is written."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&-])", r"\\\1", name)


def _class_folders(class_names: list[str]) -> dict[str, str]:
    """Map each class to a folder name of its own, also where case does not count."""
    folders: dict[str, str] = {}
    taken: set[str] = set()
    for class_name in class_names:
        folder = stem = safe_stem(class_name)
        number = 2
        while folder.casefold() in taken:
            folder = f"{stem}_{number}"
            number += 1
        taken.add(folder.casefold())
        folders[class_name] = folder
    return folders


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _facts(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _manifest_beside(path: Path, rows: "pd.DataFrame", provenance: Provenance) -> Path:
    manifest = path.with_name(path.name + ".manifest.json")
    files = {path.name: _facts(path.read_bytes())}
    durable.write_bytes(manifest, _manifest(rows, provenance, files))
    return manifest


def _manifest(
    rows: "pd.DataFrame",
    provenance: Provenance,
    files: dict[str, dict[str, Any]],
    *,
    folders: bool = False,
    **about: str,
) -> bytes:
    by_class = rows["class"].value_counts()
    by_source = rows["source"].value_counts()
    folder_of = _class_folders(provenance.class_names) if folders else {}
    facts = {
        "tool": "sslapp",
        "version": __version__,
        "project": provenance.project,
        "workspace": provenance.workspace,
        "snapshot": provenance.snapshot,
        "log": {"events": provenance.head[0], "head": provenance.head[1]},
        "images": len(rows),
        "classes": [
            {"name": name, "index": index, "images": int(by_class.get(name, 0))}
            | ({"folder": folder_of[name]} if folders else {})
            for index, name in enumerate(provenance.class_names)
        ],
        "none_of_these": int(by_source.get(NONE_OF_THESE, 0)),
        "sources": {str(name): int(by_source[name]) for name in sorted(by_source.index)},
        "included_sources": None if provenance.included is None else list(provenance.included),
        "certificate": provenance.certificate,
        **about,
        "files": files,
    }
    return json.dumps(facts, ensure_ascii=False, indent=1).encode("utf-8")
