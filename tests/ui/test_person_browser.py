"""One person from an empty server to an exported data set, in a browser alone."""

import math
import re
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_project
from playwright.sync_api import expect
from reading_page import accept_unproven
from sklearn.datasets import load_digits

from sslapp.review.selection import inside
from sslapp.store.database import reading
from sslapp.store.state import load_state
from sslapp.usecases.access import enter
from sslapp.usecases.maintenance.verification import verify_project
from sslapp.usecases.projects.listing import known_projects
from sslapp.usecases.projects.status import status
from sslapp.usecases.reviewing.board import read_board
from sslapp.usecases.training.rounds import round_status
from sslapp.vocabulary import EventKind, JobState, Source
from sslapp.workspace import Workspace

SECONDS = 1000
MAP = ".st-key-review-map .js-plotly-plot"
AT = f"""([x, y]) => {{
  const chart = document.querySelector("{MAP}")
  const {{ xaxis, yaxis }} = chart._fullLayout
  const edge = chart.getBoundingClientRect()
  return [edge.left + xaxis._offset + xaxis.d2p(x), edge.top + yaxis._offset + yaxis.d2p(y)]
}}"""


class Person:
    """Someone who knows digits and has a keyboard and a mouse."""

    def __init__(self, page, root: Path) -> None:
        self.page = page
        self.access = enter(Workspace(workspace=root), "Ann")
        self.truth = load_digits().target

    def go(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).click()
        self.page.get_by_role("heading", name=name, exact=True).wait_for()

    def sets_up_the_demo(self) -> None:
        self.page.get_by_role("button", name="Set up the digits demo").click()
        self.page.get_by_role("link", name="Label", exact=True).wait_for()
        self.until(self.demo_is_embedded)
        self.page.get_by_text("numbers an image").first.wait_for()  # a person sees that it is done
        # the main script ran: the page's title is its own, and there is no list of files as pages
        self.page.wait_for_function("document.title === 'sslapp'")
        assert self.page.get_by_test_id("stSidebarNav").count() == 0
        self.page.get_by_text("1,797 images · 10 classes").wait_for()
        self.page.locator(".js-plotly-plot").first.wait_for()
        self.page.get_by_role("button", name="Go to Label").wait_for()

    def demo_is_embedded(self) -> bool:
        if not known_projects(self.access):
            return False
        jobs = status(self.access).jobs
        return len(jobs) == 2 and all(each["state"] == JobState.DONE for each in jobs)

    def labels(self, count: int) -> list[tuple[int, int]]:
        """Label so many images on the keyboard; return what was pressed for which."""
        self.go("Label")
        pressed = []
        for _ in range(count):
            self.page.locator(".stage[aria-busy=false]").wait_for()
            position = int(self.page.locator(".which").inner_text().split()[-1])
            self.page.keyboard.press(str(self.truth[position]))
            pressed.append((position, int(self.truth[position])))
            expect(self.page.locator(".which")).not_to_have_text(f"Image {position}")
        self.page.locator(".saved[data-state=saved]").wait_for()
        return pressed

    def starts_a_round(self, steps: int) -> None:
        self.go("Train")
        field = self.page.get_by_label("Steps", exact=True)
        field.fill(str(steps))
        field.press("Enter")
        self.page.get_by_role("button", name=f"Steps {steps}").wait_for()
        self.page.get_by_role("button", name="Start round").click()

    def reviews(self) -> None:
        self.page.get_by_role("button", name=re.compile("review", re.IGNORECASE)).click()
        self.page.locator(f"{MAP}[data-hooked=yes]").wait_for(state="attached")
        self.page.get_by_role("button", name=re.compile("^Accept")).first.wait_for()

    def lowers_the_threshold(self, to: float) -> float:
        """Move the slider on the keyboard: sixteen labels allow no great confidence."""
        slider = self.page.get_by_role("slider", name="Threshold")
        slider.focus()
        while float(slider.input_value()) > to:
            slider.press("PageDown")
        return float(slider.input_value())

    def lassoes(self, around: np.ndarray, radius: float) -> int:
        """Draw a circle on the map; return how many candidates are in it."""
        turns = [2 * math.pi * step / 20 for step in range(21)]
        x, y = around.tolist()
        places = [
            self.page.evaluate(AT, [x + radius * math.cos(t), y + radius * math.sin(t)])
            for t in turns
        ]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=2)
        self.page.mouse.up()
        selected = self.page.locator(".st-key-review-selected")
        selected.get_by_text("inside").wait_for()
        return int(selected.inner_text().split()[0].replace(",", ""))

    def judges(self, key: str) -> int:
        """Press a key for the focused candidate; return which image that was."""
        position = int(self.page.locator(".tile.is-focused").get_attribute("data-position"))
        stage = self.page.locator(".desk .stage")
        expect(stage).to_have_attribute("data-ready", str(position))
        self.page.keyboard.press(key)
        expect(self.page.locator(f".tile[data-position='{position}'].is-decided")).to_be_visible()
        return position

    def log(self, kind: EventKind) -> list:
        return [each for each in small_project.log(self.access) if each.kind is kind]

    def until(self, true, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "waited in vain"
            self.page.wait_for_timeout(100)


@pytest.fixture
def person(tmp_path: Path, serve, browser):
    """A person in front of an empty server."""
    root = tmp_path / "workspace"
    context = browser.new_context(viewport={"width": 1440, "height": 1400}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(40 * SECONDS)
    expect.set_options(timeout=20 * SECONDS)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None,
    )
    address = serve(root, worker=True, loaded=False)  # all of it as a person starts it
    with urllib.request.urlopen(f"{address}/", timeout=10) as answer:
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    page.goto(address)
    found = Person(page, root)
    yield found
    found.access.engine.dispose()
    context.close()
    assert errors == []


def densest(xy: np.ndarray, radius: float) -> np.ndarray:
    """The point with the most others around it."""
    near = ((xy[:, None] - xy[None]) ** 2).sum(axis=2) < radius**2
    return xy[near.sum(axis=1).argmax()]


@pytest.mark.timeout(480)  # a whole working session: import, two rounds, an export
def test_a_person_labels_trains_reviews_and_exports(person, tmp_path: Path) -> None:
    page = person.page
    person.sets_up_the_demo()

    pressed = person.labels(20)
    assert [(each.position, each.class_id) for each in person.log(EventKind.LABEL)] == [
        (position, digit + 1) for position, digit in pressed
    ]

    person.starts_a_round(steps=40)
    person.until(lambda: person.log(EventKind.ROUND_START) != [])
    person.until(lambda: round_status(person.access, None)["state"] == JobState.DONE, 200)
    person.reviews()
    board = read_board(person.access, 1)
    found = board.candidates(np.float32(person.lowers_the_threshold(to=0.3))).positions
    assert len(found) > 30
    width = float(np.ptp(board.xy[board.drawn, 0]))

    first = person.lassoes(densest(board.xy[found], width / 12), width / 12)
    assert first > 0
    accept_unproven(page, first)
    page.get_by_text(re.compile(f"Accepted {first} image")).first.wait_for()
    (accepted,) = person.log(EventKind.BULK_ACCEPT)
    assert len(accepted.members) == first
    (ring,) = accepted.payload["polygon"]
    assert inside(np.array(ring), board.xy)[accepted.members].all()

    rest = np.setdiff1d(found, accepted.members)
    second = person.lassoes(densest(board.xy[rest], width / 30), width / 30)
    page.get_by_role("button", name=f"Withhold {second}", exact=True).click()
    page.get_by_text(re.compile(f"Withheld {second} image")).first.wait_for()
    (withheld,) = person.log(EventKind.BULK_WITHHOLD)
    assert len(withheld.members) == second

    page.get_by_role("button", name="Select all").click()
    page.get_by_text(re.compile("selected: the whole project")).wait_for()
    rejected = [person.judges("x") for _ in range(3)]
    relabelled = person.judges("3")
    page.locator(".desk .saved").get_by_text(re.compile(".")).wait_for(state="hidden")
    person.until(lambda: person.log(EventKind.RELABEL) != [])
    assert [each.position for each in person.log(EventKind.REJECT)] == rejected
    assert [each.position for each in person.log(EventKind.RELABEL)] == [relabelled]

    person.starts_a_round(steps=10)
    person.until(lambda: round_status(person.access, None)["number"] == 2)
    person.until(lambda: round_status(person.access, None)["state"] == JobState.DONE, 120)

    person.go("Export")
    page.get_by_role("button", name=re.compile("^Export .* labels$")).click()
    page.get_by_role("link", name="Download").first.wait_for()
    (written,) = person.access.workspace.root.glob("exports/**/*.csv")
    frame = pd.read_csv(written)
    with reading(person.access.engine) as conn:
        state = load_state(conn, 1)
    labelled = np.flatnonzero(state.labels >= 0)
    assert sorted(frame["position"]) == labelled.tolist()
    assert (frame["source"] == "accepted").sum() == first
    assert set(frame["class"][frame["position"] == relabelled]) == {3}
    assert (state.source == Source.EXPERT).sum() == 21
    assert verify_project(person.access, None).ok
