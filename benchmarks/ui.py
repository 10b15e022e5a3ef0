"""The browser's figures: keys, gaps, a killed server, the map, the lasso, bytes, memory, pages.

    python benchmarks/ui.py                                  # all, some minutes on an idle machine
    python benchmarks/ui.py --parts keys map --images 60000  # some
    python benchmarks/ui.py --keys 20 --images 3000 --passes 2   # to see that it runs

The real server, the real pages and headless Chromium; every window is a fresh one. `bar` is what
the project set itself. `best peer` was measured before, once, on the same kind of machine and not
in this run; the columns of different tools are not strictly the same event.
"""

import argparse
import itertools
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import browser as tools
import synthetic
from playwright.sync_api import Browser, Page, Request

from sslapp.jobs.worker import work
from sslapp.store import images, label_classes
from sslapp.store.database import reading
from sslapp.store.log import events
from sslapp.usecases.access import Access, enter
from sslapp.usecases.auditing.answers import answer, next_looks
from sslapp.usecases.handlers import HANDLERS
from sslapp.usecases.images.incoming.creation import ensure_demo
from sslapp.usecases.labelling import decisions
from sslapp.usecases.maintenance.verification import verify_project
from sslapp.usecases.reviewing.checks import audit_candidates
from sslapp.usecases.training.rounds import cancel_round, round_status, start_round
from sslapp.vocabulary import EventKind, JobState
from sslapp.workspace import Workspace

PAGES = ("", "label", "train", "review", "compare", "export")
PARTS = ("keys", "saved", "training", "gaps", "kill", "map", "proof", "pages")
LOOKS, STEPS = 200, 12
"""Answers to the audit whose bound is previewed, and steps of the threshold."""
STUDIO = "Label Studio 1.23.2"
FIFTYONE = "FiftyOne 1.22.1"
LARGE = 500_000
SMALL, USUAL = 1_000, 60_000
"""Images of the projects between which the cost of a saved key is compared."""


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    n: int
    ours: str
    bar: str = "–"
    peer: str = "–"


# -- labelling ------------------------------------------------------------------------------------


def demo(folder: Path) -> Access:
    """The digits demo, imported and embedded, with four labels of each class."""
    access = enter(Workspace(workspace=folder / "demo"), tools.READER)
    ensure_demo(access)
    work(access.workspace, access.engine, HANDLERS, threads=1, until_idle=True)
    with reading(access.engine) as conn:
        truth = images.true_labels(conn, 1).tolist()
        names = {row.id: row.name for row in label_classes.classes(conn, 1)}
    pairs = [(position, names[truth[position]]) for position in range(40)]
    decisions.label_many(access, 1, pairs, "benchmark")
    return access


def open_label(page: Page, server: tools.Server) -> None:
    page.add_init_script(tools.HEAR_KEYS)
    page.goto(f"{server.address}/label?project=1")
    page.locator(".stage .box img").wait_for()
    page.evaluate(tools.WATCH_LABEL)
    page.wait_for_function("() => !bench.busy()")


def latencies(page: Page, keys: int) -> list[float]:
    """Milliseconds from a key to the next image painted, one key at a time with a short rest."""
    for number in range(keys):
        page.keyboard.press(str(number % 10))
        page.wait_for_function("() => !bench.busy()")
        page.wait_for_timeout(60)
    return [float(each) for each in page.evaluate("() => bench.log.painted")]


def key_row(what: str, found: list[float], bar: str) -> Row:
    ours = f"{statistics.median(found):.0f} / {tools.percentile(found, 0.95):.0f} ms"
    return Row(what, len(found), ours, bar, f"285 / 312 ms p90 ({STUDIO}, two chords)")


def measure_keys(browser: Browser, access: Access, asked: argparse.Namespace) -> Iterator[Row]:
    with tools.serving(access.workspace.root) as server, tools.window(browser) as page:
        open_label(page, server)
        found = latencies(page, asked.keys)
        yield key_row("key to next image painted, p50 / p95, idle", found, "50 / 120 ms")


def answers(page: Page, keys: int) -> list[float]:
    """Milliseconds from sending a decision to the server's word that it is stored, key by key."""
    sent: list[float] = []

    def finished(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/decisions"):
            sent.append(request.timing["responseEnd"] - request.timing["requestStart"])

    page.on("requestfinished", finished)
    for number in range(keys):
        page.keyboard.press(str(number % 10))
        page.wait_for_function("() => !bench.busy()")
        page.get_by_text("All saved").wait_for()
        page.wait_for_timeout(60)
    return sent


def measure_saved(browser: Browser, folder: Path, asked: argparse.Namespace) -> Iterator[Row]:
    medians = {}
    for count in (SMALL, USUAL):
        root = folder / f"synthetic-{count}"
        if not root.exists():
            synthetic.build(root, count, reader=tools.READER).engine.dispose()
        with tools.serving(root) as server, tools.window(browser) as page:
            open_label(page, server)
            found = answers(page, asked.keys)[1:]  # the first one begins what later ones keep
        medians[count] = statistics.median(found)
        ratio = medians[count] / medians[SMALL]
        yield Row(
            f"{count:,} images: a key's decision sent to stored, p50 / p95",
            len(found),
            f"{medians[count]:.1f} / {tools.percentile(found, 0.95):.1f} ms, {ratio:.2f} times",
            "1.5 times that at 1,000" if count == USUAL else "–",
        )


def measure_training(browser: Browser, access: Access, asked: argparse.Namespace) -> Iterator[Row]:
    with tools.serving(access.workspace.root) as server, tools.window(browser) as page:
        start_round(access, 1, method="fixmatch", config={"steps": 20_000})
        open_label(page, server)
        end = time.monotonic() + 120
        while round_status(access, 1)["step"] == 0 and time.monotonic() < end:
            time.sleep(0.2)
        found = latencies(page, asked.keys)
        row = round_status(access, 1)
        trained = row["state"] == JobState.RUNNING and row["step"] > 0
        cancel_round(access, 1)
        while round_status(access, 1)["state"] == JobState.RUNNING:
            time.sleep(0.2)
        what = "the same while a FixMatch round trains"
        if not trained:
            what += f" (IT DID NOT: {row['state']} at step {row['step']}, {row['error']})"
        yield key_row(what, found, "– / 200 ms")


@dataclass(frozen=True)
class Typed:
    """What a burst of keys did. `turns`: how often the image changed; `stored`: its events.

    `gap` and `least_gap`: median and least milliseconds from key to key, by the browser's stamps.
    """

    pressed: list[tuple[int | None, str]]
    turns: int
    stored: list[tuple[int, str]]
    too_early: int
    gap: float
    least_gap: float

    @property
    def in_order(self) -> bool:
        """Whether the stored decisions are presses, each on its image, in their order."""
        presses = iter(self.pressed)
        return all(each in presses for each in self.stored)

    @property
    def said(self) -> str:
        """The verdict in words."""
        right = "right images, right order" if self.in_order else "WRONG IMAGES OR ORDER"
        lost = "none lost" if self.turns == len(self.stored) else f"{self.turns} ACCEPTED"
        return f"{len(self.stored)} stored of {len(self.pressed)} pressed, {lost}, {right}"


def typed(
    page: Page,
    server: tools.Server,
    access: Access,
    *,
    count: int,
    gap: float,
    during: dict[int, Callable[[], object]] | None = None,
) -> Typed:
    """Press `count` keys, each at least `gap` seconds after the one before, and wait for the rest.

    `during`: what is done before the key of that number.
    """
    with reading(access.engine) as conn:
        first = events.head(conn, 1)[0]
    open_label(page, server)
    pauses = during or {}
    for start, end in itertools.pairwise(sorted({0, *pauses, count})):
        pauses.get(start, lambda: None)()
        # the browser's driver waits, so a busy Python neither hurries nor bunches the keys
        page.keyboard.type("".join(str(n % 10) for n in range(start, end)), delay=1000 * gap)
    page.get_by_text("All saved").wait_for()
    page.wait_for_timeout(1500)
    log = page.evaluate("() => bench.log")
    with reading(access.engine) as conn:
        keys = {row.id: row.key for row in label_classes.classes(conn, 1)}
        new = [each for each in events.read(conn, 1, after=first) if each.kind is EventKind.LABEL]
    stored = [(each.position or 0, keys[each.class_id or 0]) for each in new]
    early = [
        e
        for e in new
        if e.payload["pressed_at"] < max(e.payload["painted_at"], e.payload["placed_at"] + 50)
    ]
    pressed = [(at, key) for at, key, _ in log["keys"]]
    gaps = [late - soon for (*_, soon), (*_, late) in itertools.pairwise(log["keys"])]
    return Typed(pressed, log["turns"], stored, len(early), statistics.median(gaps), min(gaps))


def measure_gaps(browser: Browser, access: Access, asked: argparse.Namespace) -> Iterator[Row]:
    lost = {0.06: f"2 of 20 at 30 ms, 6 of 20 at 80 ms ({STUDIO})", 0.0: f"1 of 20 ({STUDIO})"}
    for gap, peer in lost.items():
        with tools.serving(access.workspace.root) as server, tools.window(browser) as page:
            found = typed(page, server, access, count=asked.presses, gap=gap)
        bar = "all" if gap else "stored = accepted; painted before its key"
        early = f", {found.too_early} BEFORE PAINTED" if found.too_early else ""
        what = f"keys at {1000 * gap:.0f} ms gaps "
        what += f"(median {found.gap:.1f}, least {found.least_gap:.1f})"
        yield Row(what, asked.presses, found.said + early, bar, peer)


def measure_kill(browser: Browser, access: Access, asked: argparse.Namespace) -> Iterator[Row]:
    middle = asked.presses // 2
    with tools.serving(access.workspace.root) as server, tools.window(browser) as page:
        falls: dict[int, Callable[[], object]] = {middle: server.kill, middle + 10: server.start}
        found = typed(page, server, access, count=asked.presses, gap=0.12, during=falls)
    checked = verify_project(access, 1)
    said = found.said + ("" if checked.ok else f", DAMAGED: {checked.problem}")
    bar = "no accepted decision lost, doubled or moved"
    yield Row("kill -9 and restart in mid-burst", asked.presses, said, bar, f"11 of 11 ({STUDIO})")


# -- the map --------------------------------------------------------------------------------------


def open_review(page: Page) -> float:
    """Turn to the Review page. Returns seconds until the map can be drawn on."""
    began = time.perf_counter()
    page.get_by_role("link", name="Review").click()
    page.locator(".st-key-review-map .js-plotly-plot[data-hooked=yes]").wait_for()
    page.evaluate(tools.PAINTED)
    return time.perf_counter() - began


def lasso(page: Page, share: float) -> float:
    """Draw a lasso over the middle. Returns seconds from release to the counted selection.

    share: its radius as a part of the map's shorter side; the same outline is not counted twice.
    """
    pad = page.locator(".st-key-review-map .nsewdrag").bounding_box()
    assert pad is not None
    middle = (pad["x"] + pad["width"] / 2, pad["y"] + pad["height"] / 2)
    reach = share * min(pad["width"], pad["height"])
    corners = [(1, 0), (0.7, 0.7), (0, 1), (-0.7, 0.7), (-1, 0), (-0.7, -0.7), (0, -1), (0.7, -0.7)]
    points = [(middle[0] + reach * x, middle[1] + reach * y) for x, y in corners]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in [*points[1:], points[0]]:
        page.mouse.move(*point, steps=3)
    began = time.perf_counter()
    page.mouse.up()
    page.locator(".st-key-review-selected").get_by_text("inside").wait_for()
    return time.perf_counter() - began


def measure_map(browser: Browser, folder: Path, asked: argparse.Namespace) -> Iterator[Row]:
    for count in asked.images:
        root = folder / f"synthetic-{count}"
        if not root.exists():
            synthetic.build(root, count, reader=tools.READER).engine.dispose()
        large = count >= LARGE
        with tools.serving(root) as server:
            cold: list[float] = []
            warm: list[float] = []
            lassos: list[float] = []
            later: list[int] = []
            for number in range(asked.passes):
                with tools.window(browser) as page:
                    sent = tools.Upstream(page)
                    page.goto(f"{server.address}/export?project=1")
                    page.get_by_role("heading", name="Export", exact=True).wait_for()
                    tools.settle(page)
                    (warm if number else cold).append(open_review(page))
                    tools.settle(page)
                    lassos.append(lasso(page, 0.38 - 0.015 * number))
                    tools.settle(page)
                    below = page.get_by_text("Below threshold", exact=True)
                    later.append(sent.during(page, below.click))
            memory = server.memory()
        what = f"{count:,} images:"
        peer = "3.03 s" if large else "0.41 s"
        yield Row(
            f"{what} map ready, first / later windows",
            asked.passes,
            f"{cold[0]:.2f} / {statistics.median(warm):.2f} s" if warm else f"{cold[0]:.2f} s",
            "3 s" if large else "2.5 s",
            f"{peer} ({FIFTYONE}, from the click)",
        )
        peer = "1.57 to 2.29 s" if large else "0.21 to 0.42 s"
        yield Row(
            f"{what} lasso to counted selection, median (worst)",
            len(lassos),
            f"{statistics.median(lassos):.2f} ({max(lassos):.2f}) s",
            "0.5 s",
            f"{peer} ({FIFTYONE})",
        )
        yield Row(
            f"{what} sent by a click after a selection, most",
            len(later),
            f"{max(later):,} bytes",
            "10,000 bytes",
        )
        peer = "0.94 GB and 2.99 of its database" if large else "0.72 GB and 1.35 of its database"
        yield Row(
            f"{what} server memory after that",
            1,
            f"{memory:.2f} GB",
            "2 GB",
            f"{peer} ({FIFTYONE})",
        )


def measure_proof(browser: Browser, folder: Path, asked: argparse.Namespace) -> Iterator[Row]:
    """Steps of the threshold until count, bound and selection that belong to it are there."""
    for count in asked.images:
        root = folder / f"synthetic-{count}"
        if not root.exists():
            synthetic.build(root, count, reader=tools.READER).engine.dispose()
        access = enter(Workspace(workspace=root), tools.READER)
        look_at_sample(access)
        access.engine.dispose()
        steps: list[float] = []
        with tools.serving(root) as server, tools.window(browser) as page:
            page.goto(f"{server.address}/export?project=1")
            page.get_by_role("heading", name="Export", exact=True).wait_for()
            tools.settle(page)
            open_review(page)
            tools.settle(page)
            slider = page.get_by_role("slider", name="Threshold").first
            slider.focus()
            said = page.get_by_text("Proven at least").first
            for _ in range(STEPS):
                before = page.get_by_text(" open images").first.inner_text()
                began = time.perf_counter()
                page.keyboard.press("ArrowLeft")  # there is no candidate far above the default
                page.wait_for_function(
                    f"before => ({tools.IDLE})() === 'notRunning' && !document.body.innerText"
                    ".includes(before)",
                    arg=before,
                )
                steps.append(time.perf_counter() - began)
                assert said.is_visible()
        yield Row(
            f"{count:,} images: step of the threshold with its bound, median (worst)",
            len(steps),
            f"{statistics.median(steps):.2f} ({max(steps):.2f}) s",
            "1 s" if count >= LARGE else "0.2 s",
        )


def look_at_sample(access: Access) -> None:
    """Open an audit of the candidates from .5 on and answer some of it as the round did."""
    opened = audit_candidates(access, None, threshold=0.5)
    lot = opened.audit.lot
    with reading(access.engine) as conn:
        names = {each.id: each.name for each in label_classes.classes(conn, 1)}
    for look in next_looks(access, None, opened.number, count=LOOKS):
        row = lot.positions.searchsorted(look.position)
        answer(access, None, opened.number, look.position, names[int(lot.class_ids[row])])


def measure_pages(browser: Browser, access: Access, asked: argparse.Namespace) -> Iterator[Row]:
    """Deep links of fresh windows: seconds to the title, and until no script runs."""
    with tools.serving(access.workspace.root) as server:
        for name in PAGES:
            titles, done = [], []
            for _ in range(asked.passes):
                with tools.window(browser) as page:
                    began = time.perf_counter()
                    page.goto(f"{server.address}/{name}?project=1")
                    page.get_by_role("heading", level=1).first.wait_for()
                    titles.append(time.perf_counter() - began)
                    page.wait_for_function(f"() => ({tools.IDLE})() === 'notRunning'")
                    done.append(time.perf_counter() - began)
            yield Row(
                f"page {name or 'projects'}: title / complete, median",
                asked.passes,
                f"{statistics.median(titles):.2f} / {statistics.median(done):.2f} s",
            )


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| what | n | ours | bar | best peer |", "|---|---|---|---|---|"]
    lines += [f"| {r.what} | {r.n} | {r.ours} | {r.bar} | {r.peer} |" for r in rows]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--keys", type=int, default=100, help="Keys whose latency is taken.")
    parser.add_argument("--presses", type=int, default=500, help="Keys of a burst.")
    parser.add_argument("--images", type=int, nargs="+", default=[60_000, 1_000_000])
    parser.add_argument("--passes", type=int, default=5, help="Windows for each map and page.")
    parser.add_argument("--folder", type=Path, help="Keeps the large projects for the next run.")
    asked = parser.parse_args()
    on_demo: dict[str, Callable[..., Iterator[Row]]] = {
        "keys": measure_keys,
        "training": measure_training,
        "gaps": measure_gaps,
        "kill": measure_kill,
        "pages": measure_pages,
    }
    on_synthetic = {"saved": measure_saved, "map": measure_map, "proof": measure_proof}
    rows: list[Row] = []
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name, tools.chromium() as browser:
        folder = Path(name)
        for part in asked.parts:
            if part in on_synthetic:
                found = on_synthetic[part](browser, asked.folder or folder, asked)
            else:
                # each on a demo of its own: a burst uses up images
                (folder / part).mkdir()
                found = on_demo[part](browser, demo(folder / part), asked)
            for row in found:
                print(f"{row.what}: {row.ours}", flush=True)
                rows.append(row)
        version = browser.version
    print(f"\nChromium {version} headless, {platform.machine()}, {os.cpu_count()} cores,", end=" ")
    print(f"load {load:.1f} before it began\n\n{table(rows)}")


if __name__ == "__main__":
    main()
