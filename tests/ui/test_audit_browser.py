"""Audits in a real browser: nothing unproven comes first, looks are blind, the bound is right."""

import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import small_project
from reading_page import all_saved, press, ready

from sslapp.review.audits.audit import AS_SAID, ERROR, UNASKED, Audit
from sslapp.review.audits.bound import most_errors
from sslapp.usecases.auditing.opened import from_event
from sslapp.usecases.labelling.decisions import label_many
from sslapp.usecases.people.members import grant
from sslapp.usecases.projects.settings import change_settings
from sslapp.usecases.reviewing.bulk_decisions import bulk_accept
from sslapp.usecases.reviewing.candidates import propose
from sslapp.vocabulary import EventKind, Role
from sslapp.words import at_least

SECONDS = 1000
LOOKS = 10
"""Of each of the two readers."""

pytestmark = pytest.mark.timeout(150)  # minutes of a loaded machine; half a minute of an idle one

BLIND = {"position", "image", "reason", "strategy"}
PROGRESS = {"images", "looks", "errors", "precision", "target", "proven", "expected", "further"}
PROGRESS |= {"advice"}


@pytest.fixture
def window(browser) -> Iterator[Callable]:
    """A function that opens a page of a server in a window of its own."""
    windows = []

    def open_(address: str, path: str):
        made = browser.new_context(viewport={"width": 1440, "height": 1000})
        windows.append(made)
        page = made.new_page()
        page.set_default_timeout(30 * SECONDS)
        page.heard = []
        page.on("response", lambda answer: keep(page.heard, answer))
        page.goto(f"{address}/{path}?project=1")
        return page

    yield open_
    for made in windows:
        made.close()


def keep(heard: list, answer) -> None:
    """What the audit's routes sent, as far as it can still be read."""
    if "/audits/" in answer.url and answer.ok:
        try:
            heard.append(answer.json())
        except Exception:
            return


def must_be_blind(heard: list) -> int:
    """Check all that an audit's page heard; return how many looks it was served."""
    looks = 0
    for answer in heard:
        for item in answer.get("items", []):
            assert set(item) == BLIND
            assert (item["reason"], item["strategy"]) == ("", "audit")
            looks += 1
        assert set(answer.get("progress", PROGRESS)) == PROGRESS
        for each in answer.get("decided", []):
            assert each["kind"].startswith("audit_"), "what the reader said themselves"
        known = {"items", "note", "gone", "images", "progress", "acked", "refused", "conflicts"}
        assert set(answer) <= known | {"decided"}
        assert all(len(str(each)) == 64 for each in answer.get("images", {}).values())
    return looks


def chosen(page) -> str:
    """Which audit the page is about."""
    return page.get_by_role("combobox", name="Audit").input_value()


def accept_all(access) -> None:
    bulk_accept(
        access,
        None,
        np.sort(propose(access, None, threshold=0.0).candidates.positions),
        unproven=True,
    )


def test_checking_a_sample_comes_before_accepting_what_is_not_proven(
    reviewed, serve, window
) -> None:
    page = window(serve(reviewed.workspace.root), "review")
    check = page.get_by_role("button", name="Check a sample")
    check.wait_for()
    accept = page.get_by_role("button", name="unproven…")
    assert "primary" in check.get_attribute("class")
    assert "primary" not in accept.get_attribute("class")
    accept.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Nothing is proven of these").wait_for()
    dialog.get_by_text("holdout images were right").wait_for()
    dialog.get_by_role("button", name="Close").click()
    dialog.wait_for(state="hidden")
    assert not [e for e in small_project.log(reviewed) if e.kind is EventKind.BULK_ACCEPT]
    accept.click()
    page.get_by_role("dialog").get_by_role("button", name="unproven").click()
    page.get_by_text("as proposed in round 1").wait_for()
    (made,) = [e for e in small_project.log(reviewed) if e.kind is EventKind.BULK_ACCEPT]
    assert made.payload["unproven"].startswith("Nothing is known")
    page.get_by_text("Nothing selected. Draw on the map").wait_for()
    assert check.is_disabled()
    page.get_by_role("button", name="Select all").click()
    page.get_by_text("0 selected: the whole project").wait_for()

    page.get_by_role("button", name="Undo", exact=True).first.click()
    page.get_by_text("as proposed in round 1").wait_for(state="hidden")
    check.click()  # waits until it can be
    page.get_by_role("button", name="Check all labels").wait_for()
    assert "candidates of round 1 from 0.95 on" in chosen(page)
    first = press(page, "n")
    second = press(page, "u")
    all_saved(page)
    answers = [e for e in small_project.log(reviewed) if e.position in (first, second)][-2:]
    assert [e.kind for e in answers] == [EventKind.AUDIT_NONE, EventKind.AUDIT_UNSURE]
    must_be_blind(page.heard)
    assert page.locator(".pick").is_hidden()
    assert page.get_by_role("button", name="Skip").count() == 0
    ready(page)
    page.keyboard.press(" ")
    page.keyboard.press("f")
    page.keyboard.press("?")
    page.get_by_text("None of these classes").wait_for()
    assert not [
        e for e in small_project.log(reviewed) if e.kind in (EventKind.SKIP, EventKind.FLAG)
    ]


def test_all_labels_are_certified_by_two_readers_over_a_reload_and_a_killed_server(
    reviewed, make_server, serve, window
) -> None:
    accept_all(reviewed)
    label_many(reviewed, None, [(100, "3")], "a list")  # in nobody's sight, so in the lot
    grant(reviewed, None, "Bob", Role.READER)
    change_settings(reviewed, None, precision=0.8)
    truth = small_project.true_columns(reviewed)
    server = make_server(reviewed.workspace.root)
    ann = window(server.address, "audit")
    ann.get_by_text("without the label, a prediction or a neighbour").wait_for()
    ann.get_by_role("button", name="Check all labels").click()
    ready(ann)
    assert chosen(ann) == "Audit 1 · 80 labels"
    seen: dict[str, list[int]] = {"ann": [], "bob": []}

    def look(name: str, page) -> None:
        position = ready(page)
        page.keyboard.press(str(truth[position]))
        seen[name].append(position)

    for _ in range(3):
        look("ann", ann)
        ready(ann)
    all_saved(ann)
    ann.get_by_text("Certificate").click()
    ann.get_by_text("are what these readers would say blind").wait_for()
    ann.get_by_text("Audit 1 of 80: 3 looks").wait_for()

    bob = window(serve(reviewed.workspace.root, LOGNAME="Bob"), "audit")
    for number in range(LOOKS):
        look("bob", bob)
        look("ann", ann)
        if number == 4:
            all_saved(ann)
            here = ready(ann)
            ann.reload()
            assert ready(ann) == here
        if number == 7:
            server.kill()
            server.start()
    for page in (ann, bob):
        all_saved(page)
    assert not set(seen["ann"]) & set(seen["bob"])

    log = small_project.log(reviewed)
    opening = next(e for e in log if e.kind is EventKind.AUDIT_OPEN)
    answers = [e for e in log if e.kind is EventKind.AUDIT_LABEL]
    assert sorted(e.position for e in answers) == sorted(seen["ann"] + seen["bob"])
    lot, terms = from_event(opening)
    audit = Audit(lot, terms)
    heard = np.full(len(lot), UNASKED, dtype=np.int8)
    last_of_bob = max(e.number for e in answers if e.position in seen["bob"])
    for made in answers:
        if made.number == last_of_bob:
            continue  # he may still take it back, so his page does not show it
        row = int(np.searchsorted(lot.positions, made.position))
        heard[row] = AS_SAID if made.class_id == lot.class_ids[row] else ERROR
    looks = audit.draws(audit.parts[0], heard)
    bound = most_errors(looks, terms.alpha)
    mended = int((heard == ERROR).sum())
    precision = 1 - max(bound - mended, 0) / len(lot)
    bob.reload()
    ready(bob)
    bob.get_by_text(f"{len(looks)} looks, {mended} error").wait_for()
    bob.get_by_text(f"Proven at least {at_least(precision)} right, wanted 80 %").wait_for()
    for page in (ann, bob):
        assert must_be_blind(page.heard) >= LOOKS
        assert json.dumps(page.heard).count("confidence") == 0
    assert small_project.damage(reviewed) is None
