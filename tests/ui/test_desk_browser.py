"""The review desk in a real browser: keys, exclusions, bulk decisions, what is refused."""

import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import small_project
from keyboard import stroke
from playwright.sync_api import Page, Route, expect
from reading_page import accept_unproven, choose

from sslapp.store import label_classes, rounds
from sslapp.store.database import reading, writing
from sslapp.store.people import leases
from sslapp.store.people.readers import grant
from sslapp.store.state import load_state
from sslapp.usecases.access import Access, enter
from sslapp.usecases.images.similar import similar
from sslapp.usecases.labelling import decisions
from sslapp.usecases.projects.classes import add_class, edit_class
from sslapp.usecases.reviewing import bulk_decisions
from sslapp.usecases.reviewing.board import read_board
from sslapp.usecases.reviewing.candidates import propose
from sslapp.usecases.reviewing.findings import queued
from sslapp.usecases.reviewing.inspection import claim_page, inspect, tiles
from sslapp.usecases.reviewing.queue import Choice, Queue, Show, positions
from sslapp.usecases.reviewing.searching import start_search
from sslapp.vocabulary import EventKind, Finding, Purpose, Role
from sslapp.words import count

SHOW = "review-show"
DECIDED = re.compile("accepted|rejected|relabelled|none of these|left out")
BACK = re.compile("^(Clear|Select all)$")
PATIENCE = 30_000
POSITIONS = "tiles => tiles.map(each => Number(each.dataset.position))"


@pytest.fixture(scope="module")
def opened(lasting_review, make_lasting_server, browser) -> Iterator[Page]:
    """The review page of the project with one finished round, which all tests share.

    Its round is as sure as it was before twelve labels calibrated it: there is much to decide.
    """
    with writing(lasting_review.engine, 1) as conn:
        rounds.change_round(conn, rounds.finished_round(conn, 1).id, {"temperature": 1.0})
    expect.set_options(timeout=PATIENCE)
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.set_default_timeout(PATIENCE)
    page.goto(f"{make_lasting_server(lasting_review.workspace.root).address}/review?project=1")
    page.locator(".tile").first.wait_for()
    yield page
    page.close()


@pytest.fixture
def reviewed(lasting_review) -> Access:
    """The project; a test finds what the ones before it decided, and enough that is open."""
    return lasting_review


@pytest.fixture
def desk(opened, reviewed) -> Iterator[Callable[[], Page]]:
    """A function that lays a new sheet of the round's candidates on the page, all of them open."""
    errors: list[str] = []

    def note(error: object) -> None:
        errors.append(str(error))

    def lay() -> Page:
        opened.evaluate("() => document.activeElement?.blur()")
        opened.keyboard.press("r")  # runs the page again: classes may have changed
        back = opened.locator(".st-key-review-selected").get_by_role("button", name=BACK)
        if back.count():
            back.click()
        expect(back).to_have_count(0)
        for name, show in (("All", Show.ALL), ("Candidates", Show.CHALLENGERS)):
            opened.locator(f".st-key-{SHOW}").get_by_text(name, exact=True).click()
            expected = positions(reviewed, 1, read_board(reviewed, 1), Choice(show=show))
            selected = f"{count(len(expected), 'image')} selected"
            expect(opened.locator(".total")).to_have_text(selected)
            first = opened.locator(".tile").first
            expect(first).to_have_attribute("data-position", str(expected[0]))
        expect(opened.locator(".tile .stamp", has_text=DECIDED)).to_have_count(0)
        opened.evaluate("() => document.activeElement?.blur()")  # else Space presses a button
        expect(opened.locator(".tile.is-focused")).to_have_count(1)
        return opened

    opened.on("pageerror", note)
    yield lay
    expect(opened.locator("span.saved")).to_have_text("")  # what the next test decides comes later
    opened.remove_listener("pageerror", note)
    opened.unroute_all()
    assert errors == []


@pytest.fixture
def going_on(opened) -> Iterator[Page]:
    """The page with the sheet that is on it, at an image that is still open."""
    opened.locator(".tile:not(.is-decided)").first.click()
    yield opened
    expect(opened.locator("span.saved")).to_have_text("")
    opened.unroute_all()


def focused(page: Page) -> int:
    return int(page.locator(".tile.is-focused").get_attribute("data-position"))


def press(page: Page, key: str) -> int:
    """Press a key once the focused image has been on screen long enough; return the image."""
    position = focused(page)
    expect(page.locator(".stage")).to_have_attribute("data-ready", str(position))
    page.keyboard.press(key)
    return position


def made(access, page: Page, since: int):
    """The events since a number, once the desk says that all is saved."""
    expect(page.locator("span.saved")).to_have_text("")
    return [each for each in small_project.log(access) if each.number > since]


def tile(page: Page, position: int):
    return page.locator(f'.tile[data-position="{position}"]')


def test_keys_decide_in_order_and_the_log_is_clean(reviewed, desk) -> None:
    page = desk()
    since = small_project.log(reviewed)[-1].number
    with reading(reviewed.engine) as conn:
        three = next(each.id for each in label_classes.classes(conn, 1) if each.name == "3")
    sheet = page.locator(".tile").evaluate_all(POSITIONS)
    proposed = {each.position: each.proposed for each in tiles(reviewed, 1, 1, sheet)}

    accepted, rejected, relabelled = (press(page, key) for key in ("a", "x", "3"))
    skipped, retaken = press(page, "Space"), press(page, "a")
    assert sheet[:5] == [accepted, rejected, relabelled, skipped, retaken]
    expect(tile(page, accepted).locator(".stamp")).to_have_text("accepted")
    expect(tile(page, rejected).locator(".stamp")).to_have_text("rejected")
    expect(tile(page, relabelled).locator(".stamp")).to_have_text("relabelled")
    page.keyboard.press("Backspace")
    expect(tile(page, retaken)).to_have_class(re.compile("is-focused"))
    expect(tile(page, retaken).locator(".stamp")).to_have_text("")

    log = made(reviewed, page, since)
    assert [(each.kind, each.position, each.class_id) for each in log] == [
        (EventKind.ACCEPT, accepted, proposed[accepted]),
        (EventKind.REJECT, rejected, proposed[rejected]),
        (EventKind.RELABEL, relabelled, three),
        (EventKind.ACCEPT, retaken, proposed[retaken]),
        (EventKind.UNDO, None, None),
    ]
    assert log[-1].target == log[-2].number
    assert all(each.payload["pressed_at"] >= each.payload["painted_at"] + 50 for each in log[:4])
    assert small_project.damage(reviewed) is None

    # the page is asked to run again, and the sheet stays under the reader's hand
    left = len(propose(reviewed, 1).candidates)
    assert left < len(sheet)
    expect(page.locator(".total")).to_have_text(f"{left} images selected")
    assert tile(page, accepted).is_visible()
    for key in ("Backspace", "Backspace"):  # any depth
        page.keyboard.press(key)
    log = made(reviewed, page, since)
    assert [each.target for each in log[5:]] == [log[2].number, log[1].number]


def test_a_name_relabels_and_n_says_that_no_class_fits(reviewed, going_on) -> None:
    page = going_on
    since = small_project.log(reviewed)[-1].number
    named = press(page, "/")
    page.keyboard.type("7")
    expect(page.get_by_role("option", name="7", exact=True)).to_have_count(1)
    page.keyboard.press("Enter")
    unfitting = press(page, "n")
    expect(tile(page, unfitting).locator(".stamp")).to_have_text("none of these")
    moved = press(page, "/")
    tile(page, named).click()  # what is typed was about the image before
    expect(page.get_by_role("combobox", name="Name of the class")).to_be_hidden()
    assert focused(page) == named != moved
    log = made(reviewed, page, since)
    assert [(each.kind, each.position) for each in log] == [
        (EventKind.RELABEL, named),
        (EventKind.NONE, unfitting),
    ]
    assert log[1].payload["sight"] == "suggestion"
    with reading(reviewed.engine) as conn:
        assert load_state(conn, 1).none_of_these.tolist() == [unfitting]


def test_a_bulk_decision_leaves_out_what_the_reader_took_out(reviewed, desk) -> None:
    page = desk()
    since = small_project.log(reviewed)[-1].number
    sheet = page.locator(".tile").evaluate_all(POSITIONS)
    out = [press(page, "e")]
    tile(page, sheet[2]).click()
    out.append(press(page, "e"))
    expect(page.get_by_role("button", name=f"Accept {len(sheet) - 2}")).to_be_visible()
    tile(page, sheet[1]).click()  # opened, one by one
    rejected = press(page, "x")
    assert rejected == sheet[1]
    tile(page, sheet[4]).click()
    accept_unproven(page, len(sheet) - 3)
    expect(tile(page, sheet[5]).locator(".stamp")).to_have_text("accepted")
    (bulk,) = [e for e in made(reviewed, page, since) if e.kind is EventKind.BULK_ACCEPT]
    assert sorted(bulk.members.tolist()) == sorted(set(sheet) - {*out, rejected})
    # what the reader opened: the one left out, the one after the rejected, and the one clicked
    assert bulk.payload["opened"] == 3
    assert small_project.damage(reviewed) is None
    decisions.undo(reviewed, 1, bulk.number)  # leaves something for the other tests


def test_more_like_this_makes_the_nearest_images_the_selection(reviewed, desk) -> None:
    page = desk()
    page.keyboard.press("ArrowRight")
    position = press(page, "s")
    every = propose(reviewed, 1, threshold=0.0).candidates.positions
    nearest = similar(reviewed, 1, position, among=every, round_number=1)
    expect(page.locator(".total")).to_have_text(f"{len(nearest)} images selected")
    expect(page.locator(".tile").first).to_have_attribute("data-position", str(nearest[0]))


def test_a_key_before_the_image_is_on_screen_is_refused_with_a_cue(reviewed, going_on) -> None:
    page = going_on
    since = small_project.log(reviewed)[-1].number
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/projects/1/images/**", hold)
    last = page.locator(".tile").last  # far from what was fetched ahead
    last.click()
    position = focused(page)
    page.keyboard.press("a")
    expect(page.locator(".cue")).to_have_text(re.compile("not on screen"))
    assert small_project.log(reviewed)[-1].number == since
    for route in held:
        route.continue_()
    page.unroute("**/projects/1/images/**")
    assert press(page, "a") == position
    expect(tile(page, position).locator(".stamp")).to_have_text("accepted")
    (accepted,) = made(reviewed, page, since)
    assert (accepted.kind, accepted.position) == (EventKind.ACCEPT, position)


def test_what_another_reader_holds_or_has_decided_is_marked_and_not_overruled(
    reviewed, desk
) -> None:
    bea = enter(reviewed.workspace, "Bea")
    with writing(bea.engine) as conn:
        grant(conn, 1, bea.reader_id, Role.READER)
    theirs = propose(reviewed, 1).candidates.positions[-2:].tolist()
    with writing(reviewed.engine) as conn:  # what was on Ann's page is hers
        leases.release(conn, 1, reviewed.reader_id, Purpose.REVIEW)
    claim_page(bea, 1, 1, theirs[:1])
    page = desk()
    since = small_project.log(reviewed)[-1].number
    expect(tile(page, theirs[0]).locator(".stamp")).to_have_text("Bea")
    tile(page, theirs[0]).click()
    press(page, "a")
    expect(page.locator(".cue")).to_have_text("Bea has this image open.")

    decisions.label(bea, 1, theirs[1], "7")  # while Ann looks at the sheet
    tile(page, theirs[1]).click()
    press(page, "a")
    expect(tile(page, theirs[1]).locator(".stamp")).to_have_text("Bea")
    expect(tile(page, theirs[1])).to_have_attribute("title", re.compile("already has a label"))
    kinds = [each.kind for each in small_project.log(reviewed) if each.number > since]
    assert kinds == [EventKind.LABEL]  # Bea's
    with writing(bea.engine) as conn:
        leases.release(conn, 1, bea.reader_id, Purpose.REVIEW)
    bea.engine.dispose()


def test_the_panel_says_what_each_member_of_an_ensemble_says(ensembled, serve, browser) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.set_default_timeout(PATIENCE)
    page.goto(f"{serve(ensembled.workspace.root)}/review?project=1")
    page.locator(".tile").first.wait_for()
    page.locator(".st-key-review-show").get_by_text("All", exact=True).click()
    choose(page, page.locator(".st-key-review-queue"), "Members disagree first")
    board = read_board(ensembled, 1)
    choice = Choice(show=Show.ALL, queue=Queue.MEMBERS)
    first, second = positions(ensembled, 1, board, choice)[:2].tolist()
    with reading(ensembled.engine) as conn:
        names = {each.id: each.name for each in label_classes.classes(conn, 1)}
    expect(tile(page, first)).to_have_class(re.compile("is-focused"))
    for position in (first, second):
        tile(page, position).click()
        told = inspect(ensembled, 1, 1, position)
        assert len({each.class_id for each in told.members}) > 1
        rows = [f"{each.name}{names[each.class_id]}{percent(each.share)}" for each in told.members]
        expect(page.locator(".members .member")).to_have_text(rows)
        expect(page.locator(".lines .head .note")).to_have_text(told.calibration)
        expect(page.locator(".members .note")).to_have_text(f"{told.apart:.2f} nats apart")
    page.close()


def percent(share: float) -> str:
    """A share of at least a hundredth as the desk writes it."""
    return f"{100 * share:.1f} %" if 0.99 < share < 0.9995 else f"{100 * share:.0f} %"


def test_a_label_in_question_is_kept_or_changed_by_a_key(reviewed, desk) -> None:
    truth = small_project.true_columns(reviewed)
    for position in (6, 20):
        decisions.label(reviewed, None, position, str((truth[position] + 5) % 10))
    small_project.finish(reviewed, start_search(reviewed, None, Finding.SUSPICIOUS))
    board = read_board(reviewed, 1)
    kept, changed = queued(reviewed, 1, board, Finding.SUSPICIOUS).positions[:2].tolist()
    held, other = (board.classes[board.labels[each]] for each in (kept, changed))
    since = small_project.log(reviewed)[-1].number

    page = desk()
    choose(page, page.get_by_placeholder("Find what may be wrong"), "Suspicious labels")
    expect(tile(page, kept).locator(".why")).to_have_text(re.compile(f"^Said {held.name}, model"))
    expect(page.locator("button.accept")).to_be_disabled()
    expect(page.locator(".grid")).to_be_focused()  # not the list of what can be found
    expect(page.locator(".one-accept")).to_contain_text(f"Keep {held.name}")
    assert press(page, "a") == kept
    assert press(page, "1" if other.key != "1" else "2") == changed
    keeping, changing = made(reviewed, page, since)
    assert (keeping.kind, keeping.position) == (EventKind.RELABEL, kept)
    assert (keeping.class_id, changing.position) == (held.id, changed)
    assert changing.class_id != other.id
    expect(tile(page, kept).locator(".why")).to_have_text("")
    left = queued(reviewed, 1, read_board(reviewed, 1), Finding.SUSPICIOUS).positions
    assert not {kept, changed} & set(left.tolist())


def test_caps_lock_and_other_keyboards_decide_alike(reviewed, desk) -> None:
    for name, key in (("eleven", "e"), ("twelve", "s")):
        add_class(reviewed, None, name, key=key)
    with reading(reviewed.engine) as conn:
        ids = {each.name: each.id for each in label_classes.classes(conn, 1)}
    page = desk()
    since = small_project.log(reviewed)[-1].number
    strokes = [
        ("A", "KeyA", EventKind.ACCEPT, None),  # with Caps Lock, as the three below it
        ("X", "KeyX", EventKind.REJECT, None),
        ("E", "KeyE", EventKind.RELABEL, ids["eleven"]),
        ("S", "KeyS", EventKind.RELABEL, ids["twelve"]),
        ("&", "Digit1", EventKind.RELABEL, ids["1"]),  # French
        ("7", "Numpad7", EventKind.RELABEL, ids["7"]),
    ]
    expected = []
    for key, code, kind, class_id in strokes:
        position = focused(page)
        expect(page.locator(".stage")).to_have_attribute("data-ready", str(position))
        stroke(page, key, code)
        expected.append((kind, position, class_id))
    here = focused(page)
    expect(page.locator(".stage")).to_have_attribute("data-ready", str(here))
    stroke(page, "1", "Digit1", shiftKey=True)  # the French way to print a 1
    stroke(page, "E", "KeyE", shiftKey=True)
    expect(tile(page, here).locator(".stamp")).to_have_text("left out")
    stroke(page, "e", "KeyE", shiftKey=True)  # with Caps Lock
    expect(tile(page, here).locator(".stamp")).to_have_text("")
    log = made(reviewed, page, since)
    chosen = [each.class_id if each.kind is EventKind.RELABEL else None for each in log]
    assert [(e.kind, e.position, c) for e, c in zip(log, chosen, strict=True)] == expected
    stroke(page, "?", "KeyM", shiftKey=True)  # French
    expect(page.locator(".keys")).to_be_visible()
    stroke(page, "Escape", "Escape")
    stroke(page, "S", "KeyS", shiftKey=True)
    every = propose(reviewed, 1, threshold=0.0).candidates.positions
    nearest = similar(reviewed, 1, here, among=every)
    expect(page.locator(".total")).to_have_text(f"{len(nearest)} images selected")
    for name in ("eleven", "twelve"):
        edit_class(reviewed, None, name, key="")  # the other tests mean commands


def test_an_empty_sheet_has_no_image_that_a_key_could_mean(reviewed, desk) -> None:
    most = propose(reviewed, 1, threshold=0.0).candidates.positions
    with reading(reviewed.engine) as conn:
        three = next(each.id for each in label_classes.classes(conn, 1) if each.name == "3")
    sure = propose(reviewed, 1).candidates.positions
    two = [sure[-1], np.setdiff1d(most, sure)[-1]]
    bulk_decisions.bulk_accept(reviewed, None, np.setdiff1d(most, two), unproven=True)
    page = desk()
    last = press(page, "a")
    tile(page, last).click()
    made(reviewed, page, 0)
    shown = focused(page)
    page.keyboard.press("s")  # the other one of the last two
    # the page counted one image before the key too: a click then would meet the page's next run
    expect(page.get_by_text(f"Images like {shown}")).to_be_visible()
    expect(page.locator(".total")).to_have_text("1 image selected")
    accept_unproven(page, 1)
    expect(page.locator(".total")).to_have_text("Nothing selected")
    expect(page.locator(".tile")).to_have_count(0)
    since = small_project.log(reviewed)[-1].number

    for key in ("a", "x", "3", "e", "s", "Space", "ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    page.keyboard.press("?")
    expect(page.locator(".keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Backspace")  # takes back what is on no sheet any more
    page.get_by_role("button", name="Select all").click()
    expect(page.locator(".total")).to_have_text("1 image selected")
    assert focused(page) == last
    press(page, "3")
    log = made(reviewed, page, since)
    assert [(each.kind, each.position, each.class_id) for each in log] == [
        (EventKind.UNDO, None, None),
        (EventKind.RELABEL, last, three),
    ]
