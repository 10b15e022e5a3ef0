"""A model package: a folder, or a zip of one, that holds JSON, safetensors, ONNX and text alone.

What comes from elsewhere is read with suspicion: a package's files are few and known by their
names, its zips are not compressed (weights hardly shrink), so that no member is larger than the
file, and nothing in it is ever run: no pickle is opened.
"""

import hashlib
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from sslapp import durable
from sslapp.packaging.description import FORMAT, VERSION, ModelDescription

CONFIG, ONNX, CARD, SCRIPT = "config.json", "model.onnx", "MODEL_CARD.md", "predict.py"
PREDICTOR, ENCODERS = "predictor", "encoders"

_MEMBER = re.compile(
    r"config\.json|model\.onnx|MODEL_CARD\.md|predict\.py"
    r"|predictor/(\w[\w.-]*/)?predictor\.(json|safetensors)"
    r"|encoders/\w[\w.-]*\.(json|safetensors)"
)
LARGEST_TEXT = 4 * 2**20
"""Bytes of config.json."""

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content is the same zip

_NO_PACKAGE = (
    "not a model of sslapp. Name a zip or folder that `sslapp model export` wrote; pickles (.pt, "
    ".pth, .pkl) are not opened, because they can run code."
)

_DAMAGED = "the zip is damaged or encrypted. Fetch or export it again."


class RefusedPackage(ValueError):
    """A file that is no model package, or a damaged one; the message says what and the mend."""


def check_target(target: Path) -> None:
    """Check that a package can be written there.

    Raises:
        ValueError: when it exists, or the name's ending means neither a zip nor a folder.
    """
    if target.suffix not in (".zip", ""):
        raise ValueError(f'"{target.name}": end it in .zip, or name a new folder.')
    if target.exists():
        raise ValueError(f"{target} exists already. Name a target that does not.")


def write(target: Path, fill: Callable[[Path], ModelDescription]) -> None:
    """Create a package; a kill leaves the whole of it or nothing under its name.

    Args:
        target: a .zip file or a new folder.
        fill: writes all files but config.json into an empty folder and returns that one's content,
            whose `files` are filled in here.

    Raises:
        ValueError: as `check_target`.
    """
    check_target(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = durable.temporary(target)
    unfinished.mkdir()
    try:
        description = fill(unfinished)
        names = _names(unfinished)
        found = description.model_copy(
            update={"files": {name: durable.sha256(unfinished / name) for name in names}}
        )
        text = json.dumps(found.model_dump(mode="json"), indent=2, ensure_ascii=False)
        durable.write_bytes(unfinished / CONFIG, text.encode("utf-8"))
        if target.suffix == ".zip":
            members = [CONFIG, *names]
            durable.write(target, lambda file: _pack(file, unfinished, members))
        else:
            for inside in (*unfinished.rglob("*"), unfinished):
                if inside.is_dir():
                    durable.sync_folder(inside)
            unfinished.rename(target)
            durable.sync_folder(target.parent)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _names(folder: Path) -> list[str]:
    paths = (each for each in folder.rglob("*") if each.is_file())
    return sorted(each.relative_to(folder).as_posix() for each in paths)


def _pack(file: BinaryIO, folder: Path, names: list[str]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in names:
            path = folder / name
            about = zipfile.ZipInfo(name, _EPOCH)
            about.file_size = path.stat().st_size
            with open(path, "rb") as source, archive.open(about, "w") as member:
                shutil.copyfileobj(source, member, 2**20)


@contextmanager
def opened(path: Path) -> Iterator[tuple[Path, ModelDescription]]:
    """A package's folder and description; a zip is unpacked for as long as it is open.

    Raises:
        RefusedPackage: when it is none, or a file is missing or not what was written.
    """
    if not path.exists():
        raise RefusedPackage(f"{path}: there is no such file or folder.")
    if path.is_dir():
        yield path, _checked(path, path)
        return
    with tempfile.TemporaryDirectory(prefix="sslapp-model-") as folder:
        _unpack(path, Path(folder))
        yield Path(folder), _checked(Path(folder), path)


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _refuse_foreign(path, members)
            for each in members:
                place = folder / each.filename
                place.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(each) as source, open(place, "wb") as target:
                    shutil.copyfileobj(source, target, 2**20)
    except RefusedPackage:
        raise
    except zipfile.BadZipFile as error:
        if zipfile.is_zipfile(path):
            raise RefusedPackage(f"{path}: {_DAMAGED}") from error
        raise RefusedPackage(f"{path}: {_NO_PACKAGE}") from error
    except (NotImplementedError, RuntimeError, EOFError) as error:
        raise RefusedPackage(f"{path}: {_DAMAGED}") from error


def _refuse_foreign(path: Path, members: list[zipfile.ZipInfo]) -> None:
    names = [each.filename for each in members]
    if CONFIG not in names or not all(map(_MEMBER.fullmatch, names)):
        raise RefusedPackage(f"{path}: {_NO_PACKAGE}")
    if len(set(names)) < len(names):
        raise RefusedPackage(f"{path}: a name occurs twice in the zip. Export the round again.")
    stored = sum(each.file_size for each in members)
    compressed = any(each.compress_type != zipfile.ZIP_STORED for each in members)
    if compressed or stored > path.stat().st_size:
        raise RefusedPackage(
            f"{path}: its content is compressed, which no zip that sslapp writes is. Unpack it and "
            "name the folder."
        )


def _checked(folder: Path, shown: Path) -> ModelDescription:
    """The description of a folder whose files are those that were written."""
    config = folder / CONFIG
    if not config.is_file() or config.stat().st_size > LARGEST_TEXT:
        raise RefusedPackage(f"{shown}: {_NO_PACKAGE}")
    try:
        content = json.loads(config.read_bytes())
    except (ValueError, RecursionError) as error:
        raise RefusedPackage(f"{shown}: config.json is damaged. Export the round again.") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise RefusedPackage(f"{shown}: {_NO_PACKAGE}")
    if content.get("version") != VERSION:
        raise RefusedPackage(
            f"{shown}: written in version {content.get('version')} of the format; this sslapp "
            f"reads version {VERSION}. Use the sslapp that wrote it, or a newer one."
        )
    try:
        found = ModelDescription.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RefusedPackage(f"{shown}: config.json: {where}: {first['msg']}.") from error
    for name, digest in found.files.items():
        if not _MEMBER.fullmatch(name):
            raise RefusedPackage(f'{shown}: config.json: files: "{name[:80]}" is not of a model.')
        place = folder / name
        if not place.is_file() or place.is_symlink():
            raise RefusedPackage(f"{shown}: {name} is missing. Fetch or export it again.")
        with open(place, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise RefusedPackage(
                    f"{shown}: {name} is not what was written (sha256). Fetch or export it again."
                )
    return found
