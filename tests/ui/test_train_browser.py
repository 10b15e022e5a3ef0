"""The Train page in a real browser: options are changed, a round is followed to its end."""

import re

import pytest
import small_project
from playwright.sync_api import expect
from sqlalchemy import update
from streamlit.proto.BackMsg_pb2 import BackMsg

from sslapp.jobs.queue import now
from sslapp.store import rounds
from sslapp.store.database import reading, writing
from sslapp.store.schema import job
from sslapp.store.state import load_state
from sslapp.usecases.training.rounds import round_status, start_round
from sslapp.vocabulary import CalibratedOn, EventKind, JobKind, JobState

SECONDS = 1000
pytestmark = pytest.mark.timeout(120)  # several sides of one page, and what they need is started
MOVING = re.compile(r"training · \d+ of 3,600 · \d+ %")


@pytest.fixture
def train(project, serve, browser):
    """The Train page of a small project with a worker of its own; gives it and the access."""
    page = browser.new_page(viewport={"width": 1440, "height": 1400})
    page.set_default_timeout(30 * SECONDS)
    page.goto(f"{serve(project.workspace.root, worker=True)}/train")
    page.get_by_role("button", name="Start round").wait_for()
    yield page, project
    page.close()


def change(page, label: str, value: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(value)
    field.press("Enter")
    page.get_by_role("button", name=f"{label} {value}").wait_for()


def test_a_round_is_set_up_followed_cancelled_and_the_next_leads_to_its_review(train) -> None:
    page, access = train
    change(page, "Steps", "900")
    page.get_by_role("button", name="Start round").click()
    page.get_by_role("heading", name="Round 1 · FixMatch").wait_for()
    bar = page.get_by_text(MOVING)
    bar.wait_for()
    before = bar.inner_text()
    page.wait_for_function("before => !document.body.innerText.includes(before)", arg=before)
    for shown in ("Confident pseudo-labels", "Mask rate", "Losses by step", "steps/s"):
        page.get_by_text(shown).wait_for()
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_text("Round 1 was cancelled.").wait_for()
    assert round_status(access, None)["state"] == JobState.CANCELLED

    page.get_by_role("button", name="Start round").wait_for()
    change(page, "Steps", "10")
    change(page, "Tau", "0.8")
    page.get_by_text("2 changed:").wait_for()
    page.get_by_role("button", name="Tau 0.8").click()
    page.get_by_text("1 changed:").wait_for()
    page.get_by_role("button", name="Start round").click()

    page.get_by_role("heading", name="Round 2 · FixMatch").wait_for()
    page.get_by_text("Round 2 is done.").wait_for()
    row = round_status(access, None)
    assert row["state"] == JobState.DONE
    assert (row["config"]["steps"], row["config"]["tau"]) == (10, 0.95)
    page.get_by_text("on this machine, from round 2.").wait_for()
    page.get_by_test_id("stMain").get_by_role("button", name=re.compile("[Rr]eview")).click()
    page.get_by_role("heading", name="Review", exact=True).wait_for()


def test_the_page_runs_nothing_until_work_moves_and_then_the_panel_alone(
    project, serve, browser
) -> None:
    """A round that runs on another machine and is silent: the page looks on and sends nothing.

    A run of the whole page would cut off one in which a button was just pressed.
    """
    start_round(project, None, method="supervised")
    elsewhere = {"state": JobState.RUNNING, "host": "elsewhere", "beat": now()}
    with writing(project.engine) as conn:
        conn.execute(update(job).where(job.c.kind == JobKind.ROUND).values(elsewhere))
    page = browser.new_page()
    page.set_default_timeout(30 * SECONDS)
    frames: list[int] = []
    asked: list[BackMsg] = []

    def listen(socket) -> None:
        socket.on("framereceived", lambda frame: frames.append(len(frame)))
        socket.on("framesent", lambda frame: asked.append(BackMsg.FromString(frame)))

    page.on("websocket", listen)
    page.goto(f"{serve(project.workspace.root, worker=True)}/train")
    page.get_by_role("heading", name="Round 1 · Supervised baseline").wait_for()
    page.get_by_role("heading", name="Rounds so far").wait_for()

    def look(times: int) -> None:
        for _ in range(times):
            with page.expect_response(re.compile("/progress-stamp$")) as answer:
                pass
            assert len(answer.value.body()) < 100

    look(2)
    frames.clear()
    look(4)
    assert sum(frames) < 1024

    asked.clear()
    moved = {"step": 7, "total": 21, "message": "training"}
    with writing(project.engine) as conn:
        conn.execute(update(job).where(job.c.kind == JobKind.ROUND).values(moved))
    page.get_by_text(re.compile(r"7 of 21")).wait_for()
    runs = [each.rerun_script for each in asked if each.HasField("rerun_script")]
    assert runs
    assert all(each.fragment_id for each in runs)
    page.close()


def test_an_uncalibrated_round_leads_to_the_holdout_images_that_mend_it(
    reviewed, serve, browser
) -> None:
    with reading(reviewed.engine) as conn:
        found = rounds.finished_round(conn, 1)
    metrics = {**found.metrics, "calibrated": False, "calibrated_on": CalibratedOn.NOTHING}
    with writing(reviewed.engine, 1) as conn:
        rounds.change_round(conn, found.id, {"metrics": metrics})
    page = browser.new_page(viewport={"width": 1440, "height": 1400})
    page.set_default_timeout(30 * SECONDS)
    page.goto(f"{serve(reviewed.workspace.root)}/train?project=1")
    page.get_by_role("button", name="Label 24 holdout images").click()
    page.locator(".stage[aria-busy=false]").wait_for()
    assert page.locator("#strategy").input_value() == "holdout"
    for key in "012":
        page.locator(".stage[aria-busy=false]").wait_for()
        before = page.locator(".which").inner_text()
        page.keyboard.press(key)
        expect(page.locator(".which")).not_to_have_text(before)
    page.locator(".saved[data-state=saved]").wait_for()
    given = [e.position for e in small_project.log(reviewed) if e.kind is EventKind.LABEL][-3:]
    with reading(reviewed.engine) as conn:
        assert load_state(conn, 1).holdout[given].all()
    page.close()
