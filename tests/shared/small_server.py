"""A web server on this machine for tests: files, and what goes wrong with them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class SmallServer:
    """What it serves, by path without the first "/".

    Attributes:
        files: path -> content.
        cut: paths of which the second half never comes.
        silent: paths whose answer never comes.
        address: where it is, with "/" at its end.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    address: str = ""


@contextmanager
def serving(served: SmallServer) -> Iterator[SmallServer]:
    """Serve it on a free port of the loopback interface."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_args: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0].removeprefix("/")
            if path in served.silent:
                over.wait()
                return
            content = served.files.get(path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            half = len(content or b"") // 2
            self.wfile.write((content or b"")[: half if path in served.cut else None])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.address = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield served
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()
