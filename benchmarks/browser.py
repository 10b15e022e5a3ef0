"""What ui.py measures with: the real server as a process, a real browser, and watches in its page.

Times are taken inside the page, from the moment the browser gives to an input event, so the
script that presses the keys does not count.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from sslapp.jobs.queue import worker_alive
from sslapp.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
READER = "Bench"
VIEWPORT = {"width": 1440, "height": 900}

HEAR_KEYS = "addEventListener('keydown', event => window.bench?.key(event), true)"
"""Run before any script of the page: the page lets no later listener hear its keys."""

WATCH_LABEL = """() => {
  // components live in shadow roots
  const find = (selector, root = document) => {
    const hit = root.querySelector(selector)
    if (hit) return hit
    for (const each of root.querySelectorAll("*")) {
      const inside = each.shadowRoot && find(selector, each.shadowRoot)
      if (inside) return inside
    }
    return null
  }
  const box = find(".stage .box")
  const shown = () => {
    const image = box.querySelector("img")
    return image ? Number(image.src.split("/").at(-2)) : null
  }
  const log = { keys: [], painted: [], turns: 0 }
  let pressed = null
  const key = event => {
    log.keys.push([shown(), event.key, event.timeStamp])
    pressed = event.timeStamp
  }
  let last = shown()
  new MutationObserver(() => {
    const now = shown()
    if (now === null || now === last) return
    last = now
    log.turns += 1
    const from = pressed
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = () => log.painted.push(performance.now() - from)
      port2.postMessage(null)
    })
  }).observe(box, { childList: true })
  window.bench = { log, key, busy: () => find(".stage").getAttribute("aria-busy") !== "false" }
}"""
"""Notes which image each key met and how long the next one took to be painted."""

IDLE = "() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState"
PAINTED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


class Server:
    """`streamlit run app.py` on a workspace, on one port whenever it is started again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://localhost:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it, wait until it answers, and return how many seconds that took."""
        began = time.monotonic()
        with open(self.root.parent / "server.log", "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={self.port}"],
                cwd=ROOT,
                env={**os.environ, "SSLAPP_WORKSPACE": str(self.root), "LOGNAME": READER},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        while not self._answers():
            if time.monotonic() - began > 60:
                raise RuntimeError(f"The server does not answer; see {log.name}.")
            time.sleep(0.05)
        return time.monotonic() - began

    def kill(self) -> None:
        """kill -9, as a power cut of the process."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End it and its worker."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=30)
        end = time.monotonic() + 60
        while worker_alive(Workspace(workspace=self.root)) and time.monotonic() < end:
            time.sleep(0.2)

    def memory(self) -> float:
        """GB that the server process holds (RSS)."""
        assert self._process is not None
        lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii").splitlines()
        (found,) = [each for each in lines if each.startswith("VmRSS")]
        return int(found.split()[1]) / 2**20

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/api/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def serving(root: Path) -> Iterator[Server]:
    """A running server on the workspace."""
    server = Server(root)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium: the system's, or Playwright's own."""
    names = ("chromium", "chromium-browser", "chromium-headless-shell")
    path = next((place for name in names if (place := shutil.which(name))), None)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield found
        found.close()


@contextmanager
def window(browser: Browser) -> Iterator[Page]:
    """A fresh window: nothing cached, nothing stored."""
    context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(120_000)
    yield page
    context.close()


class Upstream:
    """Counts the bytes that a page sends: socket frames and request bodies."""

    def __init__(self, page: Page) -> None:
        self.bytes = 0
        page.on("websocket", lambda socket_: socket_.on("framesent", self._add))
        page.on("request", lambda request: self._add(request.post_data_buffer or b""))

    def _add(self, payload: bytes | str) -> None:
        self.bytes += len(payload.encode() if isinstance(payload, str) else payload)

    def during(self, page: Page, act: Any) -> int:
        """Bytes sent while `act()` runs and until the page is idle again."""
        before = self.bytes
        act()
        settle(page)
        return self.bytes - before


def settle(page: Page) -> None:
    """Wait until no script runs and none has begun for a moment."""
    quiet = 0
    while quiet < 5:
        page.wait_for_timeout(60)
        quiet = quiet + 1 if page.evaluate(IDLE) == "notRunning" else 0


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of the values lies; NaN for none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
