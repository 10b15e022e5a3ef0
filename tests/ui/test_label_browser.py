"""The Label page in a real browser: keys, the paint rule, a killed server, reloads, two readers."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import small_project
from keyboard import stroke
from playwright.sync_api import expect
from reading_page import IMAGE, all_saved, press, ready

from sslapp.store import projects
from sslapp.store.database import reading, writing
from sslapp.store.projects import classes
from sslapp.store.state import load_state
from sslapp.usecases.access import enter
from sslapp.usecases.images.incoming.creation import ensure_demo
from sslapp.usecases.labelling import decisions
from sslapp.usecases.people.members import grant
from sslapp.usecases.projects.classes import add_class
from sslapp.vocabulary import EventKind, Role
from sslapp.workspace import Workspace

SECONDS = 1000
KEYS = int(os.environ.get("SSLAPP_LABEL_KEYS", "120"))
"""How many keys the long tests press."""

pytestmark = pytest.mark.timeout(150)  # minutes of a loaded machine; half a minute of an idle one

BOOK = """() => JSON.parse(sessionStorage.getItem(
    Object.keys(sessionStorage).find(each => each.endsWith('-book'))))"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    """A workspace with the digits demo, embedded, closed; copy it, never open it."""
    root = tmp_path_factory.mktemp("demo") / "workspace"
    access = enter(Workspace(workspace=root), "Ann")
    ensure_demo(access)
    small_project.run_jobs(access)
    access.engine.dispose()
    return root


@pytest.fixture
def digits(demo, tmp_path):
    """Access to a fresh copy of the demo."""
    access = small_project.copy(demo, tmp_path / "digits")
    yield access
    access.engine.dispose()


@pytest.fixture
def look(browser) -> Iterator[Callable]:
    """A function that opens the Label page of a server in a window of its own."""
    windows = []

    def open_(address: str):
        window = browser.new_context(viewport={"width": 1440, "height": 900})
        windows.append(window)
        page = window.new_page()
        page.set_default_timeout(30 * SECONDS)
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.errors = []
        page.goto(f"{address}/label")
        ready(page)
        return page

    yield open_
    for window in windows:
        for page in window.pages:
            assert getattr(page, "errors", []) == []
        window.close()


def read(access) -> list[tuple[int, str]]:
    """(image, class name) of the label events, in the order of the log."""
    with reading(access.engine) as conn:
        names = {each.id: each.name for each in classes(conn, 1)}
    log = small_project.log(access)
    return [(e.position, names[e.class_id]) for e in log if e.kind is EventKind.LABEL]


def test_every_key_is_a_decision_about_the_image_on_screen(digits, serve, look) -> None:
    page = look(serve(digits.workspace.root))
    pressed = []
    for number in range(KEYS):
        key, start = str(number * 7 % 10), time.monotonic()
        pressed.append((press(page, key), key))
        time.sleep(max(0.0, 0.06 - (time.monotonic() - start)))
    all_saved(page)
    assert read(digits) == pressed
    assert len({position for position, _ in pressed}) == KEYS
    assert "not taken" not in page.locator(".cue").text_content()
    assert small_project.damage(digits) is None
    page.get_by_text(f"{KEYS} of 1,797 labelled").wait_for()


def test_a_key_that_comes_too_early_is_refused_and_never_queued(digits, serve, look) -> None:
    page = look(serve(digits.workspace.root))
    queue = [each["position"] for each in page.evaluate(BOOK)["queue"]]
    for number in range(KEYS):
        page.keyboard.press(str(number % 10))
    page.locator(".cue.on").wait_for()
    refused = int(re.search(r"(\d+) keys? not taken", page.locator(".cue").text_content())[1])
    all_saved(page)
    rows = [e for e in small_project.log(digits) if e.kind is EventKind.LABEL]
    assert 0 < len(rows) < KEYS
    assert len(rows) + refused == KEYS
    shown = ready(page)
    assert [e.position for e in rows] == queue[: len(rows)]
    assert shown == queue[len(rows)]
    for event in rows:
        assert event.payload["painted_at"] <= event.payload["pressed_at"]
        assert event.payload["placed_at"] + 50 <= event.payload["pressed_at"]
    starts = [event.payload["pressed_at"] for event in rows]
    paints = [event.payload["painted_at"] for event in rows]
    assert all(pressed < painted for pressed, painted in zip(starts, paints[1:], strict=False))


def test_no_decision_is_lost_doubled_or_moved_when_the_server_is_killed(
    digits, make_server, look
) -> None:
    server = make_server(digits.workspace.root)
    page = look(server.address)
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
    accepted = [each for each in page.evaluate(BOOK)["history"] if "painted_at" in each]
    rows = [e for e in small_project.log(digits) if e.kind is EventKind.LABEL]
    assert [(e.key, e.position, e.class_id) for e in rows] == [
        (each["key"], each["position"], each["class_id"]) for each in accepted
    ]
    assert len({e.position for e in rows}) == len(rows) > 12
    assert small_project.damage(digits) is None
    page.close()


def test_after_a_reload_the_reader_goes_on_and_takes_back_what_came_before(
    digits, serve, look
) -> None:
    page = look(serve(digits.workspace.root))
    before = [press(page, key) for key in ("3", "u", " ", "7")]
    here = ready(page)
    all_saved(page)
    page.reload()
    assert ready(page) == here
    for position in reversed(before):
        page.keyboard.press("Backspace")
        page.get_by_text(f"Image {position}", exact=True).wait_for()
        assert ready(page) == position
    page.get_by_text("You decided this before and took it back.").wait_for()
    all_saved(page)
    with reading(digits.engine) as conn:
        assert (load_state(conn, 1).labels == -1).all()
    page.keyboard.press("Backspace")
    page.locator(".cue.on", has_text="There is nothing to take back.").wait_for()
    again = [press(page, "5"), press(page, "6")]
    assert again == before[:2]
    assert press(page, "1") == before[2]
    all_saved(page)
    assert read(digits)[-3:] == [(before[0], "5"), (before[1], "6"), (before[2], "1")]


def test_buttons_comments_help_and_names_that_look_like_markup(digits, serve, look) -> None:
    hostile = "<img src=x onerror=alert(1)> **bold**"
    add_class(digits, None, hostile)
    page = look(serve(digits.workspace.root))
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
    kinds = [(e.kind, e.position) for e in small_project.log(digits)[-3:]]
    assert kinds == [
        (EventKind.LABEL, image),
        (EventKind.FLAG, second),
        (EventKind.UNSURE, second),
    ]
    log = small_project.log(digits)
    assert log[-2].payload["comment"] == "odd 3 u"
    assert read(digits) == [(image, hostile)]
    assert page.locator("img[src='x']").count() == 0


def test_caps_lock_and_other_keyboards_label_alike(digits, serve, look) -> None:
    add_class(digits, None, "eleven", key="e")
    page = look(serve(digits.workspace.root))
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
    assert read(digits) == given
    last = small_project.log(digits)[-1]
    assert (last.kind, last.position) == (EventKind.UNSURE, here)


def test_signs_zoom_and_window_and_a_class_leaves_shift_to_the_view(digits, serve, look) -> None:
    add_class(digits, None, "eleven", key="i")
    page = look(serve(digits.workspace.root))
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
    assert read(digits) == []


def flags(access) -> list[tuple[int, str | None]]:
    """(image, comment) of the flags, in the order of the log."""
    log = small_project.log(access)
    return [(e.position, e.payload.get("comment")) for e in log if e.kind is EventKind.FLAG]


def write_comment(page, text: str):
    """Type a comment and send it off; return its field."""
    page.keyboard.press("f")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    return page.locator("#comment")


def test_a_comment_stays_in_its_field_while_the_server_refuses(digits, serve, look) -> None:
    page = look(serve(digits.workspace.root))
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
    assert flags(digits) == [(here, "a blurred digit")]


def test_a_comment_stays_in_its_field_until_the_image_is_on_screen(digits, serve, look) -> None:
    page = look(serve(digits.workspace.root))
    late = page.evaluate(BOOK)["queue"][8]["position"]
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
    assert flags(digits) == [(late, "too dark")]


def test_a_comment_is_never_given_to_another_image(digits, serve, look) -> None:
    page = look(serve(digits.workspace.root))
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
    assert flags(digits) == [(here, "about the first")]


def test_zoom_pan_and_window_touch_the_view_alone(digits, serve, look) -> None:
    page = look(serve(digits.workspace.root))
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
    assert read(digits) == []
    assert not [e for e in small_project.log(digits) if e.reader_id and e.kind is EventKind.SKIP]


def test_two_readers_label_at_once_and_no_image_is_given_to_both(
    digits, serve, look, monkeypatch
) -> None:
    grant(digits, None, "Bob", Role.READER)
    here = look(serve(digits.workspace.root))
    there = look(serve(digits.workspace.root, LOGNAME="Bob"))
    mine, theirs = [], []
    for number in range(10):
        mine.append((press(here, str(number)), str(number)))
        theirs.append((press(there, str(number)), str(number)))
    for page in (here, there):
        all_saved(page)
    assert not {p for p, _ in mine} & {p for p, _ in theirs}
    labelled = read(digits)
    assert [each for each in labelled if each in mine] == mine
    assert [each for each in labelled if each in theirs] == theirs
    assert len(labelled) == 20

    contested = ready(here)  # its lease may lapse, and another reader may be quicker
    bob = enter(digits.workspace, "Bob")
    decisions.label(bob, None, contested, "8")
    bob.engine.dispose()
    press(here, "0")
    here.get_by_text(f"Bob: image {contested} is 8").wait_for()
    assert read(digits)[-2:] == [(contested, "8"), (contested, "0")]


def test_what_is_decided_in_one_window_disappears_from_the_other(digits, serve, look) -> None:
    address = serve(digits.workspace.root)
    one, two = look(address), look(address)
    assert ready(one) == ready(two)
    done = [press(one, "1") for _ in range(3)]
    all_saved(one)
    press(two, "2")
    all_saved(two)
    two.wait_for_function(
        f"gone => !({BOOK})().queue.slice(1).some(each => gone.includes(each.position))", arg=done
    )


def test_unsaved_decisions_are_sent_after_a_reload(digits, serve, look) -> None:
    page = look(serve(digits.workspace.root))
    page.route("**/decisions", lambda route: route.abort())
    pressed = [(press(page, key), key) for key in ("1", "2", "3")]
    page.get_by_text("3 unsaved, retrying").wait_for()
    assert read(digits) == []
    stored = page.evaluate("() => ({ ...sessionStorage })")
    assert (
        len(json.loads(next(v for k, v in stored.items() if k.endswith("-outbox")))["items"]) == 3
    )
    page.unroute("**/decisions")
    page.once("dialog", lambda dialog: dialog.accept())  # leaving with unsaved work is asked about
    page.reload()
    all_saved(page)
    pressed.append((press(page, "4"), "4"))
    all_saved(page)
    assert read(digits) == pressed


def test_an_image_that_does_not_load_takes_no_key_and_can_wait(digits, serve, look) -> None:
    page = look(serve(digits.workspace.root))
    bad = page.evaluate(BOOK)["queue"][8]["position"]
    page.route(f"**/images/{bad}/*", lambda route: route.abort())
    for _ in range(8):
        press(page, "1")
    page.get_by_text(f"Image {bad} does not load").wait_for()
    page.keyboard.press("2")
    page.locator(".cue.on", has_text="Too early").wait_for()
    page.get_by_role("button", name="Put it last").click()
    assert press(page, "3") != bad
    all_saved(page)
    assert bad not in [position for position, _ in read(digits)]
    assert len(read(digits)) == 9


def test_the_page_says_when_nothing_is_left(open_copy, prepared, serve, look) -> None:
    access = open_copy(prepared)
    free = range(small_project.LABELLED, small_project.POOL - 2)
    decisions.label_many(access, None, [(position, "3") for position in free], "test")
    page = look(serve(access.workspace.root))
    press(page, "1")
    press(page, "2")
    page.get_by_role("heading", name="Every image has a label").wait_for()
    assert page.get_by_role("link", name="Train a round").get_attribute("href") == "train?project=1"
    page.keyboard.press("Backspace")
    ready(page)


def test_a_class_is_given_by_its_name_and_none_of_these_by_n(digits, serve, look) -> None:
    """With more classes than keys: those given lately have a row, the others are typed."""
    with writing(digits.engine, 1) as conn:
        for number in range(30):
            projects.add_class(conn, 1, f"Öltank {number:02d}", digits.reader_id)
        without_key = [each for each in classes(conn, 1) if not each.key]
    typed = without_key[2]
    page = look(serve(digits.workspace.root))
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
    assert read(digits) == [(first, typed.name), (second, "0")]
    with reading(digits.engine) as conn:
        assert load_state(conn, 1).none_of_these.tolist() == [third]
    assert page.locator(".strip .name").first.text_content() == "none of these"
