"""A hub on this machine for tests: what huggingface_hub asks for, of small models, with faults.

It serves the description of a repository and its files, with ranges. Files may be served wrong,
slowly, or cut off after some bytes.
"""

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REVISION = "0123456789abcdef0123456789abcdef01234567"
LARGE = 1 << 16
"""From this size on a file has a sha256, like those that a hub keeps apart from git."""

PIECE = 1 << 16


@dataclass
class SmallHub:
    """Repositories by name -> path -> content, and what goes wrong.

    Attributes:
        licences: of repositories; apache-2.0 where none is said.
        wrong: files that are served with another content of the same size.
        cut_after: file -> how many bytes the next answers bring before the connection is cut.
        pause: seconds between two pieces of 64 KB.
        asked: (method, path, range) of every request.
    """

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    licences: dict[str, str] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)
    cut_after: dict[str, list[int]] = field(default_factory=dict)
    pause: float = 0.0
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    address: str = ""

    def ranges(self, path: str) -> list[str]:
        """The ranges in which a file was asked for, "" for the whole, in order."""
        return [each[2] for each in self.asked if each[0] == "GET" and each[1].endswith(path)]


@contextmanager
def serving(hub: SmallHub) -> Iterator[SmallHub]:
    """Serve it on a free port of the loopback interface; `hub.address` is where."""

    class Handler(_Handler):
        served = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    served: SmallHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        self.served.asked.append((self.command, path, self.headers.get("Range", "")))
        told = re.fullmatch(r"/api/models/(.+?)(?:/revision/.+)?", path)
        file = re.fullmatch(rf"/(.+?)/resolve/{REVISION}/(.+)", path)
        found = self.served.repositories.get((told or file or [None, ""])[1])
        if found is not None and told:
            self._send_json(told[1], found)
        elif found is not None and file and file[2] in found:
            self._send_file(file[2], found[file[2]], body=body)
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound" if found else "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _send_json(self, name: str, files: dict[str, bytes]) -> None:
        licence = self.served.licences.get(name, "apache-2.0")
        said = {
            "id": name,
            "modelId": name,
            "sha": REVISION,
            "private": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "cardData": {"license": licence} if licence else {},
            "siblings": [_sibling(each, content) for each, content in files.items()],
        }
        content = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _send_file(self, name: str, content: bytes, *, body: bool) -> None:
        if name in self.served.wrong:
            content = content[:-1] + bytes([content[-1] ^ 1])
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if asked:
            whole = len(content)
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", REVISION)
        self.end_headers()
        if body:
            self._send_slowly(name, content[start:])

    def _send_slowly(self, name: str, content: bytes) -> None:
        cuts = self.served.cut_after.get(name, [])
        most = cuts.pop(0) if cuts else len(content)
        for at in range(0, min(most, len(content)), PIECE):
            self.wfile.write(content[at : min(at + PIECE, most)])
            time.sleep(self.served.pause)
        if most < len(content):
            self.close_connection = True
            self.connection.shutdown(2)


def _sibling(name: str, content: bytes) -> dict[str, object]:
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    said: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": blob}
    if len(content) >= LARGE:
        sha256 = hashlib.sha256(content).hexdigest()
        said["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 130}
    return said
