"""The real application at one address, to be killed and started again under a page."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]


class MortalServer:
    """A server that can be killed and started again at its address, on another workspace too."""

    def __init__(self, root: Path, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._root, self._log = root, log
        self.address = f"http://localhost:{self._port}"

    def start(self, root: Path | None = None) -> None:
        self._root = root or self._root
        command = [sys.executable, "-m", "streamlit", "run", "app.py"]
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                [*command, f"--server.port={self._port}"],
                cwd=ROOT,
                env={**os.environ, "SSLAPP_WORKSPACE": str(self._root), "LOGNAME": "Ann"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait(self) -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.address}/api/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)
