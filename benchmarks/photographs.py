"""The pictures of README.md and docs/tour.md, taken anew.

    python benchmarks/photographs.py            # some minutes; writes docs/images/*.png

Plays a project on the digits demo (labels with the holdout's share, three rounds, an export), then
photographs every page at 1440x900 in the light theme, and Train while a round runs.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import browser as tools
from playwright.sync_api import Page

from sslapp.jobs.worker import work
from sslapp.store import images, label_classes
from sslapp.store.database import reading
from sslapp.usecases.access import Access, enter
from sslapp.usecases.exporting import exports
from sslapp.usecases.handlers import HANDLERS
from sslapp.usecases.images.incoming.creation import ensure_demo
from sslapp.usecases.labelling import decisions
from sslapp.usecases.labelling.picks import next_images
from sslapp.usecases.reviewing.checks import audit_candidates
from sslapp.usecases.training.rounds import cancel_round, round_status, start_round
from sslapp.workspace import Workspace

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
LABELS = 110
ROUNDS = (("supervised", 300), ("layermatch", 500), ("fixmatch", 500))


def play(folder: Path) -> Access:
    """A project with labels, a holdout, three rounds and an export."""
    access = enter(Workspace(workspace=folder / "demo"), tools.READER)
    ensure_demo(access)
    _work(access)
    with reading(access.engine) as conn:
        truth = images.true_labels(conn, 1).tolist()
        names = {row.id: row.name for row in label_classes.classes(conn, 1)}
    for method, steps in ROUNDS:
        given = LABELS // len(ROUNDS) + 1
        picks = next_images(access, 1, given)
        pairs = [(each.position, names[truth[each.position]]) for each in picks]
        decisions.label_many(access, 1, pairs, "photographs")
        start_round(access, 1, method=method, config={"steps": steps})
        _work(access)
    exports.export_here(access, 1, exports.Format.CSV)
    _work(access)
    return access


def _truth(access: Access) -> list[str]:
    """The keys of the images' true classes."""
    with reading(access.engine) as conn:
        keys = {row.id: row.key for row in label_classes.classes(conn, 1)}
        return [keys[each] for each in images.true_labels(conn, 1).tolist()]


def _work(access: Access) -> None:
    work(access.workspace, access.engine, HANDLERS, threads=2, until_idle=True)


def photograph(page: Page, server: tools.Server, name: str, before: Callable[[Page], None]) -> None:
    """Open a page, let `before` act on it, and write its picture."""
    page.goto(f"{server.address}/{name if name != 'projects' else ''}?project=1")
    page.get_by_role("heading", level=1).first.wait_for()
    tools.settle(page)
    before(page)
    page.wait_for_timeout(2000)
    page.screenshot(path=str(IMAGES / f"{name}.png"))


def some_labels(page: Page) -> None:
    """Give a few labels, so that the strip and the counts show them."""
    page.locator(".stage .box img").wait_for()
    for key in "3719":
        page.wait_for_timeout(700)
        page.keyboard.press(key)


def some_answers(page: Page, truth: list[str]) -> None:
    """Answer an audit truthfully, so that its proof, strip and certificate show."""
    for _ in range(60):
        page.locator(".stage[aria-busy=false]").wait_for()
        position = int(page.locator(".which").inner_text().split()[-1])
        page.keyboard.press(truth[position])
        page.wait_for_timeout(60)
    page.locator(".saved[data-state=saved]").wait_for()


def some_area(page: Page) -> None:
    """Draw a lasso around a part of the map."""
    page.locator(".st-key-review-map .js-plotly-plot[data-hooked=yes]").wait_for()
    pad = page.locator(".st-key-review-map .nsewdrag").bounding_box()
    assert pad is not None
    x, y = pad["x"] + 0.44 * pad["width"], pad["y"] + 0.33 * pad["height"]
    reach = 0.13 * min(pad["width"], pad["height"])
    ring = [(1, 0), (0.7, 0.7), (0, 1), (-0.7, 0.7), (-1, 0), (-0.7, -0.7), (0, -1), (0.7, -0.7)]
    page.mouse.move(x + reach, y)
    page.mouse.down()
    for across, up in [*ring, (1, 0)]:
        page.mouse.move(x + reach * across, y + reach * up, steps=3)
    page.mouse.up()
    page.locator(".st-key-review-selected").get_by_text("inside").wait_for()


def main() -> None:
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    with tempfile.TemporaryDirectory() as name, tools.chromium() as browser:
        access = play(Path(name))
        with tools.serving(access.workspace.root) as server, tools.window(browser) as page:
            photograph(page, server, "projects", lambda _: None)
            photograph(page, server, "label", some_labels)
            photograph(page, server, "review", some_area)
            audit_candidates(access, 1, threshold=0.9)
            photograph(page, server, "audit", lambda page: some_answers(page, _truth(access)))
            photograph(page, server, "compare", lambda _: None)
            photograph(page, server, "export", lambda _: None)
            start_round(access, 1, method="fixmatch", config={"steps": 4000})
            while round_status(access, 1)["step"] < 1200:
                time.sleep(0.5)
            photograph(page, server, "train", lambda _: None)
            cancel_round(access, 1)
    print(f"wrote {len(list(IMAGES.glob('*.png')))} pictures to {IMAGES}")


if __name__ == "__main__":
    main()
