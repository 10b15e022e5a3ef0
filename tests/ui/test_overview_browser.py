"""The overview in a real browser: the demo arrives, a round runs, is watched and cancelled."""

import re
import urllib.request
from pathlib import Path

from sslapp.store.database import reading
from sslapp.store.images import true_labels
from sslapp.store.projects import classes
from sslapp.usecases import decisions
from sslapp.usecases.access import enter
from sslapp.usecases.demo import ensure_demo
from sslapp.usecases.rounds import round_status
from sslapp.vocabulary import JobState
from sslapp.workspace import Workspace

SECONDS = 1000


def label_ten_of_each(access) -> None:
    with reading(access.engine) as conn:
        truth = true_labels(conn, 1).tolist()
        names = {row.id: row.name for row in classes(conn, 1)}
    pairs = [(position, names[truth[position]]) for position in range(40)]
    decisions.label_many(access, None, pairs, "test")


def test_the_demo_is_imported_labelled_trained_on_and_the_round_cancelled(
    tmp_path: Path, serve, browser
) -> None:
    root = tmp_path / "workspace"
    access = enter(Workspace(workspace=root), "Ann")
    ensure_demo(access)
    page = browser.new_page()
    page.set_default_timeout(30 * SECONDS)
    refused = []
    page.on(
        "console",
        lambda message: (
            refused.append(message.text) if "Content Security Policy" in message.text else None
        ),
    )
    page.goto(serve(root))

    # the server's own worker imports and embeds; the page follows without a reload
    page.get_by_text("label a few images first").wait_for()
    page.get_by_text("1,797 images").wait_for()
    page.locator(".js-plotly-plot").first.wait_for()
    assert page.get_by_role("button", name="Start round").is_disabled()

    label_ten_of_each(access)
    page.reload()
    page.get_by_role("button", name="Start round").click()
    page.get_by_role("heading", name="Round 1 · FixMatch").wait_for()
    progress = page.get_by_text(re.compile(r"training · \d+ of \d+"))
    progress.wait_for()
    first = progress.inner_text()
    page.get_by_text("Mask rate").wait_for()
    page.wait_for_function(
        "first => !document.body.innerText.includes(first)", arg=first
    )  # it moves by itself

    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Start round").wait_for()
    assert round_status(access, None)["state"] == JobState.CANCELLED
    assert refused == []
    page.close()
    access.engine.dispose()


def test_a_deep_link_to_a_fresh_server_runs_the_application(tmp_path: Path, serve, browser) -> None:
    root = tmp_path / "workspace"
    enter(Workspace(workspace=root), "Ann").engine.dispose()
    address = serve(root)
    page = browser.new_page()
    page.set_default_timeout(30 * SECONDS)
    page.goto(f"{address}/overview")
    page.get_by_role("heading", name="No project yet").wait_for()
    # the main script ran: the page's title is its own, and there is no list of files as pages
    assert page.title() == "sslapp"
    assert page.get_by_test_id("stSidebarNav").count() == 0
    page.close()
    with urllib.request.urlopen(f"{address}/", timeout=10) as answer:
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
