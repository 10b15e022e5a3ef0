"""Another workspace at the same address, in a real browser: nothing of the old page is taken."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import small_project
from mortal_server import MortalServer

from sslapp.usecases.access import Access, enter
from sslapp.usecases.exporting.exported import exports_of
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.labelling import decisions
from sslapp.usecases.maintenance.backups import backup, restore
from sslapp.usecases.projects.settings import create_project
from sslapp.vocabulary import EventKind
from sslapp.workspace import Workspace

SECONDS = 1000
FREE = range(small_project.POOL - 4, small_project.POOL)
"""Images without a label in every workspace here, so that all show the same positions."""

SAID = "This page belongs to another workspace"

pytestmark = pytest.mark.timeout(150)  # minutes of a loaded machine; half a minute of an idle one

SHOWN = """() => {
    const roots = [...document.querySelectorAll('*')].map(each => each.shadowRoot)
    const img = roots.map(each => each?.querySelector('.box img')).find(each => each)
    if (!img) return [null, null]
    const canvas = document.createElement('canvas')
    Object.assign(canvas, { width: img.naturalWidth, height: img.naturalHeight })
    const context = canvas.getContext('2d')
    context.drawImage(img, 0, 0)
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height)
    return [Number(img.src.split('/').at(-2)), [...data].filter((_, at) => at % 4 === 0)]
}"""


def mirrored(count: int) -> np.ndarray:
    """(count, 8, 8) uint8: the project's images, each turned round."""
    return np.ascontiguousarray(small_project.digits(count)[0][:, :, ::-1])


@pytest.fixture
def ours(open_copy, prepared) -> Access:
    """A workspace in which four images wait."""
    access = open_copy(prepared)
    rest = range(small_project.LABELLED, FREE[0])
    decisions.label_many(access, None, [(position, "3") for position in rest], "test")
    return access


@pytest.fixture
def theirs(tmp_path) -> Iterator[Access]:
    """A workspace with as many images, none of them equal, in which the same four wait."""
    np.savez(tmp_path / "mirrored.npz", **arrays())
    access = enter(Workspace(workspace=tmp_path / "theirs"), "Ann")
    project = create_project(access, "Mirrored")
    import_images(access, project, str(tmp_path / "mirrored.npz"))
    small_project.run_jobs(access)
    rest = range(FREE[0])
    decisions.label_many(access, None, [(position, "3") for position in rest], "test")
    yield access
    access.engine.dispose()


def arrays() -> dict[str, np.ndarray]:
    pool, count = small_project.POOL, small_project.POOL + small_project.TEST
    pictures, labels = mirrored(count), small_project.digits(count)[1]
    return {
        "train_images": pictures[:pool],
        "train_labels": labels[:pool],
        "test_images": pictures[pool:],
        "test_labels": labels[pool:],
    }


@pytest.fixture
def server(ours, make_server) -> MortalServer:
    """Serves the first workspace; each test kills it and starts it on another one."""
    return make_server(ours.workspace.root)


@pytest.fixture
def look(browser, server) -> Iterator[Callable]:
    """A function that opens a page of the server."""
    windows = []

    def open_(name: str):
        windows.append(browser.new_context(viewport={"width": 1440, "height": 1400}))
        page = windows[-1].new_page()
        page.set_default_timeout(30 * SECONDS)
        page.on(
            "dialog", lambda dialog: dialog.accept()
        )  # leaving with unsaved work is asked about
        page.goto(f"{server.address}/{name}")
        return page

    yield open_
    for window in windows:
        window.close()


def ready(page) -> tuple[int, list[int]]:
    """Position and grey values of the image on screen, as soon as a key counts."""
    page.locator(".stage[aria-busy=false]").wait_for()
    position, values = page.evaluate(SHOWN)
    return position, values


def press(page, key: str) -> int:
    position, _ = ready(page)
    page.keyboard.press(key)
    return position


def replace(server: MortalServer, root: Path) -> None:
    server.kill()
    server.start(root)
    server.wait()


def labels(access: Access) -> list[tuple[int | None, str]]:
    """(image, class) of what was labelled on the Label page, in the order of the log."""
    log = [e for e in small_project.log(access) if "painted_at" in e.payload]
    names = [str(number) for number in range(10)]
    return [(e.position, names[e.class_id - 1]) for e in log if e.kind is EventKind.LABEL]


def unsent(page) -> list[dict]:
    stored = page.evaluate("() => ({ ...sessionStorage })")
    boxes = [json.loads(text) for name, text in stored.items() if name.endswith("-outbox")]
    return [each["item"] for box in boxes for each in box["items"]]


def all_sent(page) -> None:
    page.wait_for_function("""() => Object.entries(sessionStorage).every(([name, text]) =>
        !/-outbox$|^sslapp-review-.*\\d$/.test(name) || JSON.parse(text).items.length === 0)""")


def test_another_workspace_or_a_restored_one_takes_nothing_and_the_first_one_gets_it_all(
    ours, theirs, server, look, tmp_path
) -> None:
    backup(ours, tmp_path / "backup.tar")
    restored = Workspace(workspace=tmp_path / "restored")
    restore(tmp_path / "backup.tar", restored)
    page = look("label")
    pressed = [(press(page, "1"), "1")]
    page.locator(".saved[data-state=saved]").wait_for()
    before = len(small_project.log(theirs))
    server.kill()
    pressed += [(press(page, key), key) for key in ("2", "3")]
    page.get_by_text("2 unsaved, retrying").wait_for()
    server.start(restored.root)
    server.wait()
    page.locator(".saved", has_text=SAID).wait_for()
    kept, values = ready(page)
    page.keyboard.press("4")
    page.locator(".cue.on", has_text=SAID).wait_for()
    page.keyboard.press("Backspace")
    assert ready(page) == (kept, values), "the page takes nothing more, and shows what it showed"
    assert [(each["position"], each["kind"]) for each in unsent(page)] == [
        (position, "label") for position, _ in pressed[1:]
    ]
    page.reload()
    ready(page)
    then = enter(restored, "Ann")
    assert labels(then) == []
    assert small_project.damage(then) is None
    then.engine.dispose()
    assert len(unsent(page)) == 2

    replace(server, theirs.workspace.root)
    page.reload()
    position, values = ready(page)
    assert position in FREE
    assert values == mirrored(small_project.POOL)[position].ravel().tolist()
    new = press(page, "5")
    page.locator(".saved[data-state=saved]").wait_for()
    assert labels(theirs) == [(new, "5")]
    assert len(unsent(page)) == 2
    assert [e.kind for e in small_project.log(theirs)[before:]].count(EventKind.LABEL) == 1
    assert labels(ours) == pressed[:1]

    replace(server, ours.workspace.root)
    page.reload()
    ready(page)
    all_sent(page)
    assert labels(ours) == pressed
    assert labels(theirs) == [(new, "5")]
    assert small_project.damage(ours) is None and small_project.damage(theirs) is None


def test_a_copy_with_another_image_at_the_position_takes_no_decision_about_it(
    ours, theirs, server, look
) -> None:
    small_project.name(theirs, small_project.WORKSPACE)
    page = look("label")
    ready(page)
    server.kill()
    pressed = press(page, "1")
    ready(page)
    server.start(theirs.workspace.root)
    server.wait()
    page.locator(".notice", has_text=f"another picture as image {pressed} than").wait_for()
    page.locator(".saved[data-state=saved]").wait_for()
    assert labels(theirs) == [] and labels(ours) == []
    page.reload()  # what it kept of the other copy is gone as soon as the server has been asked
    right = {str(at): mirrored(small_project.POOL)[at].ravel().tolist() for at in FREE}
    page.wait_for_function(
        f"right => `${{right[({SHOWN})()[0]]}}` === `${{({SHOWN})()[1]}}`", arg=right
    )
    again = press(page, "4")
    page.locator(".saved[data-state=saved]").wait_for()
    assert labels(theirs) == [(again, "4")]


def test_a_click_on_a_page_of_another_workspace_is_not_carried_out(
    ours, theirs, server, look
) -> None:
    page = look("export")
    sockets = []
    page.on("websocket", lambda socket: sockets.append(socket))  # noqa: PLW0108
    button = page.get_by_role("button", name="Write the report")
    button.wait_for()
    before = [len(small_project.log(each)) for each in (ours, theirs)]
    replace(server, theirs.workspace.root)
    while not sockets:  # the page connects by itself to what answers now
        page.wait_for_timeout(100)
    page.wait_for_timeout(500)
    button.click()
    page.get_by_text(SAID).wait_for()
    page.reload()
    button.wait_for()
    assert [len(small_project.log(each)) for each in (ours, theirs)] == before
    assert queued(theirs) == queued(ours) == []


def queued(access: Access) -> list[int]:
    return [each.job_id for each in exports_of(access, 1)]


def test_the_review_desk_takes_nothing_for_another_workspace(
    open_copy, with_round, make_server, browser
) -> None:
    ours, theirs = open_copy(with_round), open_copy(with_round)
    small_project.name(theirs, "0" * 32)  # equal in all but its id
    before = len(small_project.log(ours))
    server = make_server(ours.workspace.root)
    page = browser.new_page(viewport={"width": 1440, "height": 1400})
    page.set_default_timeout(30 * SECONDS)
    page.goto(f"{server.address}/review?project=1")
    page.locator(".stage[data-ready]").wait_for()
    replace(server, theirs.workspace.root)
    position = int(page.locator(".tile.is-focused").get_attribute("data-position"))
    page.keyboard.press("a")
    page.locator("span.saved", has_text=SAID).wait_for()
    for key in ("x", "Backspace"):
        page.locator(".cue").wait_for(state="hidden")
        page.keyboard.press(key)
        page.locator(".cue", has_text=SAID).wait_for()
    page.locator(".cue").wait_for(state="hidden")
    page.get_by_role("button", name="Withhold").click()
    page.locator(".cue", has_text=SAID).wait_for()
    assert len(small_project.log(theirs)) == before
    replace(server, ours.workspace.root)
    all_sent(page)  # without a reload
    (made,) = small_project.log(ours)[before:]
    assert (made.kind, made.position) == (EventKind.ACCEPT, position)
    assert made.payload["image"] == small_project.image_hash(position)
    assert len(small_project.log(theirs)) == before
    page.close()
