"""The Label page in a real browser: keys, the paint rule, a killed server, reloads, two readers."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import small_project
from keyboard import stroke
from mortal_server import MortalServer
from playwright.sync_api import expect
from reading_page import IMAGE, all_saved, choose, press, ready

from sslapp.store import label_classes
from sslapp.store.database import reading, writing
from sslapp.store.label_classes import classes
from sslapp.store.state import load_state
from sslapp.usecases.access import Access, enter
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.labelling import decisions
from sslapp.usecases.people.members import grant
from sslapp.usecases.projects.classes import add_class
from sslapp.usecases.projects.settings import create_project
from sslapp.vocabulary import EventKind, Role
from sslapp.workspace import Workspace

SECONDS = 1000
KEYS = int(os.environ.get("SSLAPP_LABEL_KEYS", "56"))
"""How many keys the longest test presses: more than the 50 images that a page has in hand."""
BURST = 40
"""Keys that are pressed without a pause: fewer than a page has images in hand."""
PROJECTS = 20
IMAGES = max(70, KEYS + 4)
"""Of each project."""

pytestmark = pytest.mark.timeout(150)  # minutes of a loaded machine; half a minute of an idle one

BOOK = """project => JSON.parse(sessionStorage.getItem(
    Object.keys(sessionStorage).find(each => RegExp(`-${project}-[0-9]+-book$`).test(each))))"""

IS_SHOWN = """project => [...document.querySelectorAll('*')].some(each =>
    each.shadowRoot?.querySelector('.box img')?.src.includes(`/projects/${project}/`))"""


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Iterator[Access]:
    """A workspace with a project of digits for each test, without a label."""
    folder = tmp_path_factory.mktemp("digits")
    pictures, truth = small_project.digits(IMAGES)
    np.savez(folder / "digits.npz", train_images=pictures, train_labels=truth)
    access = enter(Workspace(workspace=folder / "workspace"), "Ann")
    for number in range(PROJECTS):
        project = create_project(access, name_of(number + 1))
        import_images(access, project, str(folder / "digits.npz"))
    small_project.run_jobs(access)
    yield access
    access.engine.dispose()


def name_of(project: int) -> str:
    return f"Digits {project:02d}"


@pytest.fixture(scope="module")
def unused() -> Iterator[int]:
    """The projects that no test has had yet."""
    return iter(range(1, PROJECTS + 1))


@pytest.fixture
def project(unused) -> int:
    """The test's own project."""
    return next(unused)


@pytest.fixture(scope="module")
def server(digits, make_lasting_server) -> MortalServer:
    """Serves the workspace to all tests."""
    return make_lasting_server(digits.workspace.root)


def open_label(context, address: str, project: int):
    """Open the Label page of a project in a tab of its own, which notes its errors."""
    page = context.new_page()
    page.set_default_timeout(30 * SECONDS)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(f"{address}/label?project={project}")
    ready(page)
    return page


@pytest.fixture(scope="module")
def tab(browser, server):
    """The Label page on which the tests turn to their projects: loading it takes seconds."""
    window = browser.new_context(viewport={"width": 1440, "height": 900})
    yield open_label(window, server.address, PROJECTS)
    window.close()


@pytest.fixture
def look(tab) -> Iterator[Callable]:
    """A function that turns the page to a project."""

    def turn(project: int):
        choice = tab.get_by_role("combobox", name="Project", exact=True)
        choose(tab, choice, name_of(project), typed=name_of(project))
        choice.blur()
        tab.wait_for_function(IS_SHOWN, arg=project)
        ready(tab)
        return tab

    yield turn
    tab.unroute_all()
    assert tab.errors == []


def read(access, project: int) -> list[tuple[int, str]]:
    """(image, class name) of the label events, in the order of the log."""
    with reading(access.engine) as conn:
        names = {each.id: each.name for each in classes(conn, project)}
    log = small_project.log(access, project)
    return [(e.position, names[e.class_id]) for e in log if e.kind is EventKind.LABEL]


def test_every_key_is_a_decision_about_the_image_on_screen(digits, project, look) -> None:
    page = look(project)
    pressed = []
    for number in range(KEYS):
        key, start = str(number * 7 % 10), time.monotonic()
        pressed.append((press(page, key), key))
        time.sleep(max(0.0, 0.06 - (time.monotonic() - start)))
    all_saved(page)
    assert read(digits, project) == pressed
    assert len({position for position, _ in pressed}) == KEYS
    log = small_project.log(digits, project)
    looks = [e.payload["active_ms"] for e in log if e.kind is EventKind.LABEL]
    assert sum(looks) > 0 and max(looks) <= 30 * SECONDS
    assert "not taken" not in page.locator(".cue").text_content()
    assert small_project.damage(digits, project) is None
    page.get_by_text(f"{KEYS} of {IMAGES} labelled").wait_for()


def test_a_key_that_comes_too_early_is_refused_and_never_queued(digits, project, look) -> None:
    page = look(project)
    queue = [each["position"] for each in page.evaluate(BOOK, project)["queue"]]
    for number in range(BURST):
        page.keyboard.press(str(number % 10))
    page.locator(".cue.on").wait_for()
    refused = int(re.search(r"(\d+) keys? not taken", page.locator(".cue").text_content())[1])
    all_saved(page)
    rows = [e for e in small_project.log(digits, project) if e.kind is EventKind.LABEL]
    assert 0 < len(rows) < BURST
    assert len(rows) + refused == BURST
    shown = ready(page)
    assert [e.position for e in rows] == queue[: len(rows)]
    assert shown == queue[len(rows)]
    for event in rows:
        assert event.payload["painted_at"] <= event.payload["pressed_at"]
        assert event.payload["placed_at"] + 50 <= event.payload["pressed_at"]
    starts = [event.payload["pressed_at"] for event in rows]
    paints = [event.payload["painted_at"] for event in rows]
    assert all(pressed < painted for pressed, painted in zip(starts, paints[1:], strict=False))


def test_a_reload_sends_what_was_unsaved_goes_on_there_and_takes_back_what_came_before(
    digits, project, look
) -> None:
    page = look(project)
    before = [press(page, key) for key in ("3", "u", " ", "7")]
    all_saved(page)
    stored_so_far = [(before[0], "3"), (before[3], "7")]
    page.route("**/decisions", lambda route: route.abort())
    pressed = [(press(page, key), key) for key in ("1", "2", "3")]
    here = ready(page)
    page.get_by_text("3 unsaved, retrying").wait_for()
    assert read(digits, project) == stored_so_far
    stored = page.evaluate("() => ({ ...sessionStorage })")
    (outbox,) = (v for k, v in stored.items() if k.endswith(f"-{project}-1-outbox"))
    assert len(json.loads(outbox)["items"]) == 3
    page.unroute("**/decisions")
    page.once("dialog", lambda dialog: dialog.accept())  # leaving with unsaved work is asked about
    page.reload()
    all_saved(page)
    assert ready(page) == here
    pressed.append((press(page, "4"), "4"))
    all_saved(page)
    assert read(digits, project) == [*stored_so_far, *pressed]

    done = [*before, *(position for position, _ in pressed)]
    for position in reversed(done):
        page.keyboard.press("Backspace")
        page.get_by_text(f"Image {position}", exact=True).wait_for()
        assert ready(page) == position
    page.get_by_text("You decided this before and took it back.").wait_for()
    all_saved(page)
    with reading(digits.engine) as conn:
        assert (load_state(conn, project).labels == -1).all()
    page.keyboard.press("Backspace")
    page.locator(".cue.on", has_text="There is nothing to take back.").wait_for()
    again = [press(page, "5"), press(page, "6")]
    assert again == done[:2]
    assert press(page, "1") == done[2]
    all_saved(page)
    assert read(digits, project)[-3:] == [(done[0], "5"), (done[1], "6"), (done[2], "1")]


def test_buttons_comments_help_and_names_that_look_like_markup(digits, project, look) -> None:
    hostile = "<img src=x onerror=alert(1)> **bold**"
    add_class(digits, project, hostile)
    page = look(project)
    image = ready(page)
    page.get_by_role("button", name=hostile).click()
    page.wait_for_function(f"old => ({IMAGE})() !== old", arg=image)
    second = ready(page)
    page.keyboard.press("f")
    page.keyboard.type("odd 3 u")  # no key of these is a decision
    page.keyboard.press("Enter")
    page.get_by_text("Flagged", exact=True).wait_for()
    assert ready(page) == second, "a flag says something about the image and leaves it there"
    page.keyboard.press("?")
    page.get_by_role("heading", name="Keys").wait_for()
    page.keyboard.press("3")  # nobody labels behind the list
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Unsure").click()
    page.keyboard.press("Control+3")
    all_saved(page)
    kinds = [(e.kind, e.position) for e in small_project.log(digits, project)[-3:]]
    assert kinds == [
        (EventKind.LABEL, image),
        (EventKind.FLAG, second),
        (EventKind.UNSURE, second),
    ]
    log = small_project.log(digits, project)
    assert log[-2].payload["comment"] == "odd 3 u"
    assert read(digits, project) == [(image, hostile)]
    assert page.locator("img[src='x']").count() == 0


def test_caps_lock_and_other_keyboards_label_alike(digits, project, look) -> None:
    add_class(digits, project, "eleven", key="e")
    page = look(project)
    strokes = [
        ("E", "KeyE", "eleven"),  # with Caps Lock
        ("&", "Digit1", "1"),  # French
        ("7", "Numpad7", "7"),
        ("e", "KeyE", "eleven"),
    ]
    given = []
    for key, code, name in strokes:
        given.append((ready(page), name))
        stroke(page, key, code)
    here = ready(page)
    stroke(page, "1", "Digit1", shiftKey=True)  # the French way to print a 1
    stroke(page, "E", "KeyE", shiftKey=True)
    assert ready(page) == here
    stroke(page, "U", "KeyU")
    page.wait_for_function(f"old => ({IMAGE})() !== old", arg=here)
    all_saved(page)
    assert read(digits, project) == given
    last = small_project.log(digits, project)[-1]
    assert (last.kind, last.position) == (EventKind.UNSURE, here)


def test_signs_zoom_and_window_and_a_class_leaves_shift_to_the_view(digits, project, look) -> None:
    add_class(digits, project, "eleven", key="i")
    page = look(project)
    ready(page)
    style = page.locator(".box img")
    seen = [style.get_attribute("style")]
    keys = ("+", "-", "]", "}", "[", "{", "I")
    for key in keys:
        page.keyboard.press(key if key != "I" else "Shift+I")
        seen.append(style.get_attribute("style"))
    for before, after, key in zip(seen, seen[1:], keys, strict=False):
        assert before != after, key
    assert "invert(1)" in seen[-1]
    stroke(page, "[", "Digit8", modifierAltGraph=True)  # German: the 8 is not meant
    assert style.get_attribute("style") != seen[-1]
    page.keyboard.press("?")
    page.get_by_role("heading", name="Keys").wait_for()
    assert page.locator("dialog.help dt", has_text="⇧I").count() == 1
    page.keyboard.press("Escape")
    assert read(digits, project) == []


def flags(access, project: int) -> list[tuple[int, str | None]]:
    """(image, comment) of the flags, in the order of the log."""
    log = small_project.log(access, project)
    return [(e.position, e.payload.get("comment")) for e in log if e.kind is EventKind.FLAG]


def write_comment(page, text: str):
    """Type a comment and send it off; return its field."""
    page.keyboard.press("f")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    return page.locator("#comment")


def test_a_comment_stays_in_its_field_while_the_server_refuses(digits, project, look) -> None:
    page = look(project)
    why = "The disk is full: make room."
    page.route("**/decisions", lambda route: route.fulfill(status=409, json={"error": why}))
    press(page, "1")
    here = ready(page)
    page.locator(".saved", has_text=why).wait_for()
    field = write_comment(page, "a blurred digit")
    cue = page.locator(".cue.on", has_text=why)
    cue.wait_for()
    assert field.input_value() == "a blurred digit"
    form, said = page.locator(".flagging").bounding_box(), cue.bounding_box()
    assert said["y"] + said["height"] < form["y"], "the cue lies behind the form"
    page.locator(".others [data-do=flag]").click()  # asked again about the same image
    assert field.input_value() == "a blurred digit"
    page.unroute("**/decisions")
    all_saved(page)
    field.press("Enter")
    field.wait_for(state="hidden")
    all_saved(page)
    assert flags(digits, project) == [(here, "a blurred digit")]


def test_a_comment_stays_in_its_field_until_the_image_is_on_screen(digits, project, look) -> None:
    page = look(project)
    late = page.evaluate(BOOK, project)["queue"][8]["position"]
    held = []

    def hold(route) -> None:
        held.append(route)

    page.route(f"**/images/{late}/*", hold)
    for _ in range(8):
        press(page, "1")
    field = write_comment(page, "too dark")
    page.locator(".cue.on", has_text="Too early").wait_for()
    assert field.input_value() == "too dark"
    for route in held:
        route.continue_()
    assert ready(page) == late
    field.press("Enter")
    field.wait_for(state="hidden")
    all_saved(page)
    assert flags(digits, project) == [(late, "too dark")]


def test_a_comment_is_never_given_to_another_image(digits, project, look) -> None:
    page = look(project)
    here = ready(page)
    page.keyboard.press("f")
    page.keyboard.type("about the first")
    page.get_by_role("button", name="Unsure").click()
    ready(page)
    page.locator("#comment").press("Enter")
    page.locator(".cue.on", has_text=f"about image {here}").wait_for()
    page.get_by_role("button", name="Undo").click()
    assert ready(page) == here
    page.locator("#comment").press("Enter")
    page.locator("#comment").wait_for(state="hidden")
    all_saved(page)
    assert flags(digits, project) == [(here, "about the first")]


def test_zoom_pan_and_window_touch_the_view_alone(digits, project, look) -> None:
    page = look(project)
    style = page.locator(".box img")
    fitted = style.get_attribute("style")
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("]")
    page.keyboard.press("i")
    changed = style.get_attribute("style")
    assert changed != fitted and "invert(1)" in changed and "brightness(1.1)" in changed
    page.keyboard.press("Escape")
    assert style.get_attribute("style") == fitted
    box = page.locator(".box").bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.wheel(0, -400)
    page.locator(".box.movable").wait_for()
    page.mouse.dblclick(box["x"] + 50, box["y"] + 50)
    page.locator(".box:not(.movable)").wait_for()
    assert read(digits, project) == []
    assert not [
        e for e in small_project.log(digits, project) if e.reader_id and e.kind is EventKind.SKIP
    ]


def test_two_readers_label_at_once_and_no_image_is_given_to_both(
    digits, project, look, serve, browser
) -> None:
    grant(digits, project, "Bob", Role.READER)
    here = look(project)
    window = browser.new_context(viewport={"width": 1440, "height": 900})
    there = open_label(window, serve(digits.workspace.root, LOGNAME="Bob"), project)
    mine, theirs = [], []
    for number in range(10):
        mine.append((press(here, str(number)), str(number)))
        theirs.append((press(there, str(number)), str(number)))
    for page in (here, there):
        all_saved(page)
    assert not {p for p, _ in mine} & {p for p, _ in theirs}
    labelled = read(digits, project)
    assert [each for each in labelled if each in mine] == mine
    assert [each for each in labelled if each in theirs] == theirs
    assert len(labelled) == 20

    contested = ready(here)  # its lease may lapse, and another reader may be quicker
    bob = enter(digits.workspace, "Bob")
    decisions.label(bob, project, contested, "8")
    bob.engine.dispose()
    press(here, "0")
    here.get_by_text(f"Bob: image {contested} is 8").wait_for()
    assert read(digits, project)[-2:] == [(contested, "8"), (contested, "0")]
    assert there.errors == []
    window.close()


def test_what_is_decided_in_one_window_disappears_from_the_other(
    digits, project, look, server, tab
) -> None:
    one = look(project)
    two = open_label(tab.context, server.address, project)
    assert ready(one) == ready(two)
    done = [press(one, "1") for _ in range(3)]
    all_saved(one)
    press(two, "2")
    all_saved(two)
    gone = "!queue.slice(1).some(each => gone.includes(each.position))"
    two.wait_for_function(
        f"([project, gone]) => {{ const {{ queue }} = ({BOOK})(project); return {gone} }}",
        arg=[project, done],
    )
    assert two.errors == []
    two.close()


def test_an_image_that_does_not_load_takes_no_key_and_can_wait(digits, project, look) -> None:
    page = look(project)
    bad = page.evaluate(BOOK, project)["queue"][8]["position"]
    page.route(f"**/images/{bad}/*", lambda route: route.abort())
    for _ in range(8):
        press(page, "1")
    page.get_by_text(f"Image {bad} does not load").wait_for()
    page.keyboard.press("2")
    page.locator(".cue.on", has_text="Too early").wait_for()
    page.get_by_role("button", name="Put it last").click()
    assert press(page, "3") != bad
    all_saved(page)
    assert bad not in [position for position, _ in read(digits, project)]
    assert len(read(digits, project)) == 9


def test_the_page_says_when_nothing_is_left(digits, project, look) -> None:
    labelled = [(position, "3") for position in range(IMAGES - 2)]
    decisions.label_many(digits, project, labelled, "test")
    page = look(project)
    press(page, "1")
    press(page, "2")
    page.get_by_role("heading", name="Every image has a label").wait_for()
    train = page.get_by_role("link", name="Train a round")
    assert train.get_attribute("href") == f"train?project={project}"
    page.keyboard.press("Backspace")
    ready(page)


def test_a_class_is_given_by_its_name_and_none_of_these_by_n(digits, project, look) -> None:
    """With more classes than keys: those given lately have a row, the others are typed."""
    with writing(digits.engine, project) as conn:
        for number in range(30):
            label_classes.add_class(conn, project, f"Öltank {number:02d}", digits.reader_id)
        without_key = [each for each in classes(conn, project) if not each.key]
    typed = without_key[2]
    page = look(project)
    named = page.locator(".found [role=option]")
    expect(page.locator(".classes button")).to_have_count(0)
    first = press(page, "/")
    page.keyboard.type(f"oltank {typed.name[-2:]}")
    expect(named).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator(".classes button .name")).to_have_text([typed.name])
    press(page, "/")
    page.keyboard.press("3")  # typed into the field, and no class's key
    expect(page.get_by_role("combobox", name="Name of the class")).to_have_value("3")
    page.keyboard.press("Escape")
    second = press(page, "/")
    expect(named.first).to_have_text(typed.name)  # given lately
    expect(named).to_have_count(40)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    third = press(page, "Shift+N")  # a class has the n
    fourth = press(page, "Shift+N")
    assert press(page, "Backspace") != fourth
    assert ready(page) == fourth
    all_saved(page)
    assert read(digits, project) == [(first, typed.name), (second, "0")]
    with reading(digits.engine) as conn:
        assert load_state(conn, project).none_of_these.tolist() == [third]
    assert page.locator(".strip .name").first.text_content() == "none of these"


def test_no_decision_is_lost_doubled_or_moved_when_the_server_is_killed(
    digits, server, project, look
) -> None:
    page = look(project)
    for number in range(12):
        press(page, str(number % 10))
    for number in range(30):  # the server dies in the middle of a burst
        page.keyboard.press(str(number % 10))
        time.sleep(0.04)
        if number == 8:
            server.kill()
    page.locator(".saved", has_text="unsaved, retrying").wait_for()
    server.start()
    for number in range(12):
        page.keyboard.press(str(number % 10))
        time.sleep(0.1)
    server.wait()
    all_saved(page)
    press(page, "4")
    all_saved(page)
    accepted = [each for each in page.evaluate(BOOK, project)["history"] if "painted_at" in each]
    rows = [e for e in small_project.log(digits, project) if e.kind is EventKind.LABEL]
    assert [(e.key, e.position, e.class_id) for e in rows] == [
        (each["key"], each["position"], each["class_id"]) for each in accepted
    ]
    assert len({e.position for e in rows}) == len(rows) > 12
    assert small_project.damage(digits, project) is None
