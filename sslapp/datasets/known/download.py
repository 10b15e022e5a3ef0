"""Fetch a set with a name: `python -m sslapp.datasets.known.download NAME FOLDER`.

A process of its own, which ends with whoever started it. All it does is to call torchvision's own
download, which compares md5 sums, and to read what came. An error is one line on standard error,
the last, and exit status 1.
"""

import errno
import os
import socket
import sys
import tarfile
import threading
import zipfile
import zlib
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError, URLError

from sslapp.datasets.known.card import KnownSet
from sslapp.datasets.known.catalogue import known_set

SILENCE = 60.0
"""Seconds without a byte after which a server counts as lost."""

CUT = "what came was cut off, or is not the file that its authors published (its md5 is another)"
FULL = "the disk is full"
NO_NETWORK = "there is no network, or the set's server cannot be reached"

_PACKED = (".gz", ".tgz", ".zip")
_CORRUPTED = "File not found or corrupted"  # torchvision's word for another md5
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError)


def download(known: KnownSet, folder: Path) -> None:
    """Fetch a set into an empty folder, and read it once to see that all of it came.

    Args:
        known: the set.
        folder: an empty one; what is left there after an error is of no use.

    Raises:
        ValueError: in one sentence with the mend, whatever went wrong.
    """
    if known.download is None:
        raise ValueError(f"{known.title} is not offered for download any more. {_by_hand(known)}")
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE)
    try:
        known.download(folder)
        for each in folder.rglob("*"):
            if each.suffix in _PACKED and each.is_file():
                each.unlink()
        known.open(folder)
    except Exception as error:  # what urllib, tarfile, scipy, the disk and torchvision raise
        raise ValueError(
            f"{known.title} could not be downloaded: {why(error)}. Nothing half is kept. Import it "
            f"again with the download allowed. {_by_hand(known)}"
        ) from error
    finally:
        socket.setdefaulttimeout(before)


def why(error: BaseException) -> str:
    """What went wrong with a download, in words, without a full stop."""
    chain = [*_chain(error)]
    said = " ".join(" ".join(str(error).split()).rstrip(".").split())[:300]
    if any(getattr(each, "errno", None) == errno.ENOSPC for each in chain):
        return FULL
    if any(_CORRUPTED in str(each) for each in chain) or isinstance(error, _BROKEN):
        return CUT
    for each in chain:
        if isinstance(each, HTTPError):
            return f"its server answers {each.code} {each.reason}"
    lost = (URLError, TimeoutError, ConnectionError)
    # the reader of MNIST tells in a RuntimeError of what each of its servers did
    if any(isinstance(each, lost) or type(each).__module__ == "http.client" for each in chain):
        return f"{NO_NETWORK} ({said})"
    if said.startswith("Error downloading"):
        return f"{NO_NETWORK} ({said})"
    return said or type(error).__name__


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _by_hand(known: KnownSet) -> str:
    return f"Or put {known.by_hand} into the data folder by hand."


def _end_with_the_caller() -> None:
    """Wait for the end of standard input, which is the end of whoever started this process."""
    while os.read(0, 1):  # not sys.stdin, whose lock would be missed at the end
        pass
    os._exit(1)


def main() -> None:
    """Fetch what the command line names."""
    parser = ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    threading.Thread(target=_end_with_the_caller, daemon=True).start()
    # archives are unpacked by torchvision: nothing outside of the folder, whatever they say
    if hasattr(tarfile, "data_filter"):
        tarfile.TarFile.extraction_filter = staticmethod(tarfile.data_filter)
    try:
        download(known_set(options.name), options.folder)
    except ValueError as error:
        print(f"\n{error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
