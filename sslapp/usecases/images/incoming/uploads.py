"""Files that a browser sends: written to disk as they arrive, kept until they are imported.

An upload is two files in the workspace: its content, which has the ending `.part` until it is
complete, and a note of who sent it under which name. Its id is made here and is no name that
anybody chose.
"""

import json
import os
import re
import shutil
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from sslapp import durable
from sslapp.datasets.pictures.files import STUDY_SUFFIXES, SUFFIXES
from sslapp.datasets.tables.reading import LISTS
from sslapp.jobs import history
from sslapp.store.database import reading
from sslapp.store.errors import Refused, Unknown
from sslapp.usecases.access import Access
from sslapp.vocabulary import JobKind
from sslapp.workspace import Workspace

PICTURES = (".zip", ".npz")
"""Endings of sets of images: an archive of pictures, or arrays. Both are zip files inside."""

LOOSE = tuple(sorted(SUFFIXES | STUDY_SUFFIXES))
"""Endings of pictures, of which many are sent as one upload; see `loose_files`."""

TABLES, MANIFESTS = LISTS, (".json",)
"""Endings of tables of labels, and of the manifest that an exported one has beside it."""

LARGEST_TABLE = 2**28
"""Bytes that a table or manifest may have, for it is read into memory: a million labels."""

KEPT = 24 * 3600
"""Seconds that a file nobody imported, or that did not arrive as a whole, is kept."""

LONGEST_NAME = 200
_SPARE = 2**30  # bytes of the disk that an upload never takes
_ID = re.compile(r"[0-9a-f]{32}")
_BEGINS = {".zip": b"PK", ".npz": b"PK", ".xlsx": b"PK", ".parquet": b"PAR1"}
_FORMATS = {
    ".parquet": "Parquet file. Save the table again",
    ".xlsx": "Excel workbook. Save the table again",
}


class TooLarge(Refused):
    """The file is larger than the server takes."""


@dataclass(frozen=True)
class Upload:
    """A complete upload.

    Attributes:
        id: 32 hexadecimal digits.
        name: what the file was called; text only.
        suffix: its ending in small letters.
        bytes: its size.
        reader_id: who sent it; nobody else may import it.
    """

    id: str
    name: str
    suffix: str
    bytes: int
    reader_id: int


class Incoming:
    """An upload under way; `finish` it or `abort` it.

    Args:
        access: who sends it.
        name: what the file is called.
        announced: how many bytes the browser says will come, or None.

    Raises:
        ValueError: for a name that ends otherwise.
        TooLarge: when it is announced to be more than the server or the disk takes.
    """

    def __init__(self, access: Access, name: str, announced: int | None) -> None:
        self._access = access
        self._name = Path(name.replace("\\", "/")).name[:LONGEST_NAME] or "upload"
        self._suffix = Path(self._name).suffix.lower()
        if self._suffix not in (*PICTURES, *TABLES, *MANIFESTS):
            raise ValueError(
                f"{self._name}: only {' and '.join(PICTURES)} files of pictures and "
                f"{', '.join(TABLES)} files of labels can be uploaded. Pack the pictures into a "
                "zip archive."
            )
        self._limit = limit(access, self._suffix)
        self._magic = _BEGINS.get(self._suffix, b"")
        sweep(access)
        self._check_room(announced or 0)
        self._id = uuid.uuid4().hex
        self._path = _path(access.workspace, self._id, self._suffix)
        self._part = self._path.with_name(self._path.name + ".part")
        self._file = open(self._part, "xb")  # noqa: SIM115 - closed by `finish` and `abort`
        self._bytes = 0
        self._first = b""

    def write(self, chunk: bytes) -> None:
        """Add bytes to the end of the file.

        Raises:
            ValueError: when the file does not begin as one of its kind does.
            TooLarge: when there are more bytes than the limit.
        """
        length = len(self._magic)
        self._first = (self._first + chunk[:length])[:length]
        if not self._magic.startswith(self._first):
            kind = _FORMATS.get(self._suffix, "zip file. Pack it again")
            raise ValueError(f"{self._name}: its content is no {kind}.")
        self._bytes += len(chunk)
        if self._bytes > self._limit:
            raise TooLarge(self._too_large())
        self._file.write(chunk)

    def finish(self) -> Upload:
        """Make the upload complete and return it.

        Raises:
            ValueError: when nothing came.
        """
        if not self._bytes or self._first != self._magic:
            raise ValueError(f"{self._name}: the file is empty. Choose another.")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        made = Upload(self._id, self._name, self._suffix, self._bytes, self._access.reader_id)
        durable.write_bytes(
            _note(self._access.workspace, self._id), json.dumps(asdict(made)).encode()
        )
        self._part.replace(self._path)
        durable.sync_folder(self._path.parent)
        return made

    def abort(self) -> None:
        """Forget what came so far."""
        self._file.close()
        self._part.unlink(missing_ok=True)

    def _check_room(self, announced: int) -> None:
        if announced > self._limit:
            raise TooLarge(self._too_large())
        folder = self._access.workspace.uploads
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free - _SPARE
        if announced > free:
            raise TooLarge(
                f"{self._name}: {announced:,} bytes do not fit on the server's disk. Free some "
                "space, or import a folder of the server."
            )

    def _too_large(self) -> str:
        settled = self._limit < self._access.workspace.upload_limit
        mend = "" if settled else ", or ask a server admin to raise SSLAPP_UPLOAD_LIMIT"
        return (
            f"{self._name}: the file has more than the {self._limit:,} bytes that an upload may "
            f"have. Split it{mend}."
        )


def limit(access: Access, suffix: str) -> int:
    """Bytes that an upload with this ending may have."""
    allowed = access.workspace.upload_limit
    return allowed if suffix in PICTURES else min(allowed, LARGEST_TABLE)


def find_upload(access: Access, upload_id: str) -> tuple[Upload, Path]:
    """A complete upload of this reader, and its file.

    Raises:
        Unknown: when there is none of that id, or it is another reader's.
    """
    missing = Unknown(
        "There is no such upload; it may have been deleted after a day. Send it again."
    )
    if not _ID.fullmatch(upload_id):
        raise missing
    try:
        made = Upload(**json.loads(_note(access.workspace, upload_id).read_bytes()))
    except OSError:
        raise missing from None
    path = _path(access.workspace, upload_id, made.suffix)
    if made.reader_id != access.reader_id or not path.exists():
        raise missing
    return made, path


def forget(workspace: Workspace, upload_id: str) -> None:
    """Delete an upload, which its import has no more need of."""
    for path in _files(workspace, upload_id):
        path.unlink(missing_ok=True)


def sweep(access: Access) -> None:
    """Delete what was never imported or never arrived as a whole, KEPT seconds after.

    What a job that has not ended names stays, however long it waits behind others.
    """
    oldest = time.time() - KEPT
    wanted = _wanted(access)
    for path in access.workspace.uploads.glob("*"):
        try:
            if path.name.split(".")[0] not in wanted and path.stat().st_mtime < oldest:
                path.unlink()
        except FileNotFoundError:  # another process swept it
            continue


def _wanted(access: Access) -> set[str | None]:
    """Ids of the uploads that looks and imports which wait or run are to read."""
    with reading(access.engine) as conn:
        jobs = [
            *history.under_way(conn, JobKind.LOOK),
            *history.under_way(conn, JobKind.IMPORT),
        ]
    return {job["params"].get("upload") for job in jobs}


def _files(workspace: Workspace, upload_id: str) -> list[Path]:
    if not _ID.fullmatch(upload_id):
        return []
    return [*workspace.uploads.glob(f"{upload_id}.*")]


def _path(workspace: Workspace, upload_id: str, suffix: str) -> Path:
    # a manifest is not to be taken for the note of who sent it
    return workspace.uploads / f"{upload_id}{'.manifest' if suffix in MANIFESTS else ''}{suffix}"


def _note(workspace: Workspace, upload_id: str) -> Path:
    return workspace.uploads / f"{upload_id}.json"
