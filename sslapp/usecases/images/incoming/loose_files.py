"""Many files in one upload: a folder or loose pictures, kept as an archive of them.

A browser sends them one after another in one body: of each the length of its path and its size,
both big-endian, then the path in UTF-8, then the content. They become members of an uncompressed
zip archive as they arrive. From there on they are an archive like any other, and a path that means
a place elsewhere is refused where that of an archive is.
"""

import struct
import zipfile
from typing import IO

from sslapp.usecases.access import Access
from sslapp.usecases.images.incoming.uploads import Incoming, Upload

HEAD = struct.Struct(">IQ")
"""Bytes of a file's path, and of its content."""

LONGEST_PATH = 4096
MOST_FILES = 1_000_000


class LooseFiles:
    """An upload of many files under way; `finish` it or `abort` it.

    Args:
        access: who sends it.
        name: how their import is called.
        announced: how many bytes the browser says will come, or None.

    Raises:
        TooLarge: when it is announced to be more than the server or the disk takes.
    """

    def __init__(self, access: Access, name: str, announced: int | None) -> None:
        self._upload = Incoming(access, f"{name.strip() or 'files'}.zip", announced)
        # the wrapped file cannot be sought in, so sizes and sums stand behind what they are of
        self._into = _Into(self._upload)
        self._archive = zipfile.ZipFile(self._into, "w")
        self._waiting = bytearray()
        self._member: IO[bytes] | None = None
        self._missing = 0  # bytes of the member's content
        self._count = 0

    def write(self, chunk: bytes) -> None:
        """Take in bytes, of however many files.

        Raises:
            ValueError: when they are no such sequence of files.
            TooLarge: when there are more of them than the limit.
        """
        self._waiting += chunk
        while self._member is not None or self._begin():
            assert self._member is not None
            self._member.write(self._waiting[: self._missing])
            taken = min(self._missing, len(self._waiting))
            del self._waiting[:taken]
            self._missing -= taken
            if self._missing:
                return
            self._member.close()
            self._member = None

    def finish(self) -> Upload:
        """Make the upload complete and return it.

        Raises:
            ValueError: when nothing came, or the last file not as a whole.
        """
        if self._member is not None or self._waiting:
            raise ValueError("Not all of the files arrived. Send them again.")
        if not self._count:
            raise ValueError("There is no file in what was sent. Choose another folder.")
        self._archive.close()
        return self._upload.finish()

    def abort(self) -> None:
        """Forget what came so far."""
        self._into.close()
        if self._member is not None:
            self._member.close()
        self._archive.close()
        self._upload.abort()

    def _begin(self) -> bool:
        """Open the next file's member; False while its path has not come as a whole."""
        if len(self._waiting) < HEAD.size:
            return False
        length, size = HEAD.unpack_from(self._waiting)
        if not 0 < length <= LONGEST_PATH:
            raise ValueError(f"A file's path has {length:,} bytes; 1 to {LONGEST_PATH:,} are read.")
        if len(self._waiting) < HEAD.size + length:
            return False
        try:
            path = bytes(self._waiting[HEAD.size : HEAD.size + length]).decode()
        except UnicodeDecodeError:
            raise ValueError("A file's path is no UTF-8.") from None
        if "\0" in path or path.endswith("/"):
            raise ValueError("A file's path has a NUL in it or ends as a folder's does.")
        self._count += 1
        if self._count > MOST_FILES:
            raise ValueError(f"These are more than {MOST_FILES:,} files. Send them in parts.")
        del self._waiting[: HEAD.size + length]
        info = zipfile.ZipInfo(path)
        info.external_attr = 0o600 << 16
        info.file_size = self._missing = size
        self._member = self._archive.open(info, "w", force_zip64=size >= zipfile.ZIP64_LIMIT)
        return True


class _Into:
    """An upload as a file that can only be written to."""

    def __init__(self, upload: Incoming) -> None:
        self._upload = upload
        self._is_open = True

    def write(self, content: bytes, /) -> int:
        """Add to the upload, unless it was closed."""
        if self._is_open:
            self._upload.write(content)
        return len(content)

    def flush(self) -> None:
        """Nothing is kept back here."""

    def close(self) -> None:
        """Let nothing come to the upload any more."""
        self._is_open = False
