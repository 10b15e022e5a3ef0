"""Searches files and texts for secrets, in every form in which something may have been kept.

A secret of fewer than SHORTEST bytes in some form is not looked for in that form: it would be found
by chance.
"""

import base64
import hashlib
import io
import json
import tarfile
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np

SHORTEST = 6
_ENCODINGS = {
    **{"latin-1": "latin-1", "UTF-8": "utf-8", "ISO 2022": "iso2022_jp"},
    **{"UTF-16 little": "utf-16-le", "UTF-16 big": "utf-16-be"},
    **{"UTF-32 little": "utf-32-le", "UTF-32 big": "utf-32-be"},
}
_ESCAPES = (b"\x1b$B", b"\x1b(B", b"\x1b(J")
_DEEPEST = 4
"""Archives in archives."""


class Finding(NamedTuple):
    """Where a secret is, the secret, and the form that it is in."""

    where: str
    secret: str | bytes
    how: str


class LeakSearch:
    """Looks for all forms of some secrets at once; large and small letters are the same.

    Args:
        secrets: texts, and patterns of bytes.
    """

    def __init__(self, secrets: Iterable[str | bytes]) -> None:
        self._needles: dict[bytes, list[tuple[bytes, str | bytes, str]]] = defaultdict(list)
        for secret in secrets:
            for how, needle in forms(secret):
                if len(needle) >= SHORTEST:
                    self._needles[needle.lower()[:4]].append((needle.lower(), secret, how))
        # two tables of pairs of bytes let most places of a file go without a further look
        self._first, self._second = np.zeros((2, 1 << 16), bool)
        for begin in self._needles:
            pairs = np.frombuffer(begin, "<u2")
            self._first[pairs[0]] = self._second[pairs[1]] = True

    def below(self, folder: Path) -> list[Finding]:
        """What the names and contents of all files below a folder hold; of a database all pages."""
        found = []
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            found += self.of(name.encode("utf-8", "surrogateescape"), f"name {name}")
            if path.is_file():
                found += self.of(path.read_bytes(), name)
        return found

    def of(self, content: bytes, where: str) -> list[Finding]:
        """What some bytes hold, and what is packed in them."""
        found = {
            Finding(name, secret, how): None
            for name, part in _parts(content, where, _DEEPEST)
            for secret, how in self._in(part.lower())
        }
        return list(found)

    def _in(self, content: bytes) -> Iterator[tuple[str | bytes, str]]:
        if len(content) < SHORTEST:
            return
        single = np.frombuffer(content, np.uint8).astype(np.uint16)
        pairs = single[:-1] | single[1:] << 8
        places = np.flatnonzero(self._first[pairs[:-2]] & self._second[pairs[2:]])
        for at in places.tolist():
            for needle, secret, how in self._needles.get(content[at : at + 4], ()):
                if content.startswith(needle, at):
                    yield secret, how


def forms(secret: str | bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the name of a form and the bytes that a secret is in it."""
    if isinstance(secret, bytes):
        yield from _of_bytes("bytes", secret)
        return
    for text in dict.fromkeys((secret, secret.upper(), secret.lower(), secret.title())):
        for name, encoding in _ENCODINGS.items():
            try:
                encoded = text.encode(encoding)
            except UnicodeEncodeError:
                continue
            for escape in _ESCAPES:
                encoded = encoded.removeprefix(escape).removesuffix(escape)
            yield from _of_bytes(name, encoded)
        for safe in ("", "/^"):
            yield "URL-quoted", quote(text, safe=safe).encode()
        yield "URL-quoted", quote(text.encode("utf-16-le")).encode()
        yield "JSON", json.dumps(text)[1:-1].encode()
        yield "XML", text.encode("ascii", "xmlcharrefreplace")


def _of_bytes(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    yield name, content
    yield f"{name} in hexadecimal", content.hex().encode()
    for at in range(3):
        coded = base64.b64encode(bytes(at) + content)
        # without the signs that the neighbours change
        coded = coded[(0, 2, 3)[at] : len(coded) - (0, 3, 2)[(at + len(content)) % 3]]
        yield f"{name} in base64", coded
        yield f"{name} in base64", coded.replace(b"+", b"-").replace(b"/", b"_")
    for digest in ("md5", "sha1", "sha256"):
        hashed = hashlib.new(digest, content, usedforsecurity=False)
        yield f"{digest} of {name}", hashed.digest()
        yield f"{digest} of {name}", hashed.hexdigest().encode()
        yield f"{digest} of {name}", base64.b64encode(hashed.digest()).rstrip(b"=")


def _parts(content: bytes, where: str, deeper: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents: the bytes themselves, and all that is packed in them."""
    yield where, content
    if not deeper:
        return
    for name, part in _packed(content).items():
        yield from _parts(part, f"{where} > {name}", deeper - 1)


def _packed(content: bytes) -> Mapping[str, bytes]:
    found = {}
    if content.startswith(b"PK\3\4"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = {each: archive.read(each) for each in archive.namelist()}
    elif content[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            files = ((each.name, tar.extractfile(each)) for each in tar.getmembers())
            found = {name: file.read() for name, file in files if file is not None}
    elif content.startswith(b"\x1f\x8b"):
        found = {"gzip": zlib.decompressobj(wbits=31).decompress(content)}
    elif content.startswith(b"\x89PNG\r\n"):
        found = _of_png(content)
    names = "\n".join(found).encode("utf-8", "surrogateescape")
    return found | ({"names": names} if found else {})


def _of_png(content: bytes) -> dict[str, bytes]:
    """The streams of pixels and texts of a PNG, unpacked."""
    streams: dict[str, bytes] = defaultdict(bytes)
    at = 8
    while at + 8 <= len(content):
        length, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        body = content[at + 8 : at + 8 + length]
        if kind == b"IDAT":
            streams["pixels"] += body
        elif kind in (b"zTXt", b"iTXt", b"iCCP") and b"\x78" in body:
            streams[f"text at {at}"] = body[body.index(b"\x78", body.index(b"\0")) :]
        at += 12 + length
    return {name: _inflated(stream) for name, stream in streams.items()}


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(stream)
    except zlib.error:
        return b""
