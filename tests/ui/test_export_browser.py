"""Exporting in a real browser: what is fetched is what was decided, and the report stands alone."""

from pathlib import Path

import pandas as pd
import pytest
import small_project
from downloads import fetch

from sslapp.usecases.exporting.exported import exports_of
from sslapp.usecases.reviewing import bulk_decisions
from sslapp.vocabulary import EventKind

SECONDS = 1000
pytestmark = pytest.mark.timeout(120)  # several sides of one page, and what they need is started


@pytest.fixture
def reader(browser):
    """A browser's page that waits patiently, in a window of its own."""
    window = browser.new_context(accept_downloads=True)
    page = window.new_page()
    page.set_default_timeout(30 * SECONDS)
    yield page
    window.close()


def test_what_is_fetched_is_what_was_decided_and_the_report_needs_no_network(
    reviewed, serve, reader, tmp_path: Path
) -> None:
    bulk_decisions.bulk_accept(reviewed, None, [60, 61, 62], unproven=True)
    reader.goto(f"{serve(reviewed.workspace.root, worker=True)}/export")
    reader.get_by_role("button", name="Adjudicated · 0").click()  # takes it out
    reader.get_by_role("button", name="Export 43 labels").click()
    # a worker writes it; the page follows without a reload
    reader.get_by_text("43 labels from expert, accepted").wait_for()
    frame = pd.read_csv(fetch(reader, tmp_path)).set_index("position")

    said = {each.number: each for each in small_project.log(reviewed)}
    labelled = {each.position for each in said.values() if each.kind is EventKind.LABEL}
    assert set(frame.index) == labelled | {60, 61, 62}
    for position, row in frame.iterrows():
        event = said[row["event"]]
        assert event.position == position or position in event.members
    assert (frame["snapshot"] == exports_of(reviewed, 1)[0].snapshot).all()

    reader.get_by_role("button", name="Write the report").click()
    reader.get_by_text("read at event").wait_for()
    file = fetch(reader, tmp_path)
    assert file.suffix == ".html"

    faults, asked = [], []
    alone = reader.context.browser.new_context(offline=True, color_scheme="dark")
    page = alone.new_page()
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    places = page.locator("[data-figure]").count()
    page.wait_for_function(
        "n => document.querySelectorAll('[data-figure].js-plotly-plot').length === n", arg=places
    )
    assert page.get_by_role("heading", name="Digits").is_visible()
    assert faults == []
    assert asked == [file.as_uri()]
    # text that came with the page may run nothing: the policy names the two scripts by hash
    page.evaluate(
        """() => {
          const script = document.createElement("script")
          script.textContent = "window.ran = true"
          document.body.append(script)
        }"""
    )
    assert page.evaluate("window.ran") is None
    alone.close()
