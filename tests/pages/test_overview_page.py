"""The overview page on real workspaces: what it shows and what its buttons do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import small_project
from streamlit.testing.v1 import AppTest

from sslapp.jobs import queue
from sslapp.store import projects
from sslapp.store.database import writing
from sslapp.usecases.access import enter
from sslapp.usecases.jobs import job_status
from sslapp.usecases.projects import create_project, status
from sslapp.usecases.rounds import cancel_round, round_status, start_round
from sslapp.vocabulary import JobKind, JobState
from sslapp.workspace import Workspace


def figures(page: AppTest) -> dict[str, str]:
    return {each.label: each.value for each in page.metric}


def texts(page: AppTest) -> str:
    return "\n".join(
        each.value for kind in ("caption", "error", "subheader") for each in page.get(kind)
    )


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception
    return page


def test_a_reader_without_a_project_is_offered_the_demo(tmp_path: Path, open_app) -> None:
    page = open_app(tmp_path)
    assert page.title[0].value == "No project yet"
    press(page, "demo")
    assert page.title[0].value == "Digits demo"
    # nothing has run yet: both jobs wait and say for what
    assert [each.value for each in page.subheader][:2] == ["Importing images", "Embedding images"]
    assert "Waits for a worker" in texts(page)


def test_a_stranger_sees_no_project(project, open_app) -> None:
    page = open_app(project.workspace.root, reader="Eve")
    assert page.title[0].value == "No project yet"


def test_the_counts_are_those_of_the_record(project, open_app) -> None:
    page = open_app(project.workspace.root)
    counts = status(project).counts
    shown = figures(page)
    assert shown["Images"] == f"{counts['images']:,}"
    assert shown["Expert labels"] == str(counts["expert"]) == str(small_project.LABELLED)
    assert shown["Holdout"] == f"{counts['holdout_labelled']} / {counts['holdout']}"
    assert shown["Pool"] == str(counts["pool"])
    assert len(page.get("plotly_chart")) == 2


def test_without_labels_a_round_cannot_start_and_the_page_says_how_to_label(
    tmp_path: Path, open_app
) -> None:
    root = tmp_path / "workspace"
    access = enter(Workspace(workspace=root), "Ann")
    source = small_project.write_npz(tmp_path / "digits.npz")
    project_id = create_project(access, "Bare")
    small_project.import_images(access, project_id, str(source))
    small_project.embed(access, project_id)
    small_project.run_jobs(access)
    page = open_app(root)
    assert page.button(key="start").disabled
    assert "`sslapp next --to todo`" in texts(page)
    assert "`sslapp label todo/labels.csv`" in texts(page)


def test_start_queues_a_round_with_the_chosen_method_and_seed(project, open_app) -> None:
    page = open_app(project.workspace.root)
    page.selectbox(key="method").select("label-propagation")
    page.number_input(key="seed").set_value(7)
    press(page, "start")
    row = round_status(project, None)
    assert (row["method"], row["seed"], row["state"]) == ("label-propagation", 7, "queued")
    assert page.subheader[0].value == "Round 1 · Label propagation"
    assert not any(each.key == "start" for each in page.button)


def test_cancel_ends_a_waiting_round_and_offers_the_next(project, open_app) -> None:
    start_round(project, None, method="supervised")
    page = open_app(project.workspace.root)
    job_id = round_status(project, None)["job_id"]
    press(page, f"cancel-{job_id}")
    assert job_status(project, job_id)["state"] == JobState.CANCELLED
    page.run()
    assert page.button(key="start")


def test_a_running_round_shows_step_losses_and_accuracy_with_its_interval(
    project, open_app
) -> None:
    start_round(project, None, config=small_project.TINY)
    held = queue.claim(project.engine, os.getpid())
    assert held is not None
    with writing(project.engine) as conn:
        queue.beat(conn, held, 6, 12, "training")
        for step in (3, 6):
            for name, value in (
                ("labelled loss", 1 / step),
                ("mask rate", 0.25),
                ("holdout accuracy", 0.5),
            ):
                row = {"round_id": 1, "step": step, "name": name, "value": value}
                conn.execute(small_project.round_.metadata.tables["round_metric"].insert(), row)
    page = open_app(project.workspace.root)
    assert page.get("progress")[0].proto.value == 50
    assert "training · 6 of 12" in page.get("progress")[0].proto.text
    assert figures(page)["Labelled loss"] == "0.167"
    assert figures(page)["Mask rate"] == "25 %"
    assert "50.0 % (11.8 to 88.2 %), n = 6" in texts(page)


def test_a_failure_tells_its_reason_and_the_way_on(tmp_path: Path, open_app) -> None:
    access = enter(Workspace(workspace=tmp_path), "Ann")
    project_id = create_project(access, "Broken", ["a", "b"])
    small_project.import_images(access, project_id, str(tmp_path / "nothing_here.npz"))
    small_project.run_jobs(access)
    page = open_app(tmp_path)
    assert page.error[0].value.startswith("Importing images failed. ")
    assert "nothing\\_here\\.npz" in page.error[0].value


def test_a_finished_round_is_listed_with_n_interval_and_snapshot(reviewed, open_app) -> None:
    page = open_app(reviewed.workspace.root)
    line = page.dataframe[0].value.iloc[0]
    row = round_status(reviewed, None)
    assert line["State"] == "done"
    assert line["Method"] == "Supervised baseline (pixels)"
    accuracy = row["metrics"]["holdout_accuracy"]
    assert line["Holdout accuracy (95 % interval)"].startswith(f"{100 * accuracy:.1f} % (")
    assert line["Holdout accuracy (95 % interval)"].endswith("n = 6")
    assert line["ECE, raw → calibrated"].endswith("uncalibrated")
    assert len(line["Snapshot"]) == 8


def test_a_cancelled_round_stays_in_the_table(project, open_app) -> None:
    start_round(project, None, method="supervised", seed=3)
    cancel_round(project, None)
    line = open_app(project.workspace.root).dataframe[0].value.iloc[0]
    assert (line["State"], line["Seed"]) == ("cancelled", 3)


def test_names_are_shown_as_the_text_they_are(tmp_path: Path, open_app) -> None:
    access = enter(Workspace(workspace=tmp_path), "Ann")
    create_project(access, "**x** [a](http://b) :red[c] <i>", ['<b>cat</b><a href="x">', "dog"])
    page = open_app(tmp_path)
    assert page.title[0].value == r"\*\*x\*\* \[a\]\(http\:\/\/b\) \:red\[c\] \<i\>"
    (chart,) = page.get("plotly_chart")
    labels = json.loads(chart.proto.spec)["layout"]["yaxis"]["ticktext"]
    assert labels[0].startswith("&lt;b&gt;cat")


def test_several_projects_are_chosen_among_in_the_address(project, open_app) -> None:
    other = create_project(project, "Another")
    page = open_app(project.workspace.root)
    assert page.title[0].value == small_project.NAME
    page.selectbox(key="project").select(other).run()
    assert page.title[0].value == "Another"


def test_the_newest_label_changes_the_map(project, open_app) -> None:
    page = open_app(project.workspace.root)
    before = page.get("plotly_chart")[0].proto.spec
    with writing(project.engine) as conn:
        (name, *_) = [row.name for row in projects.classes(conn, 1)]
    small_project.decisions.label(project, None, 100, name)
    page.run()
    assert page.get("plotly_chart")[0].proto.spec != before
    assert figures(page)["Expert labels"] == str(small_project.LABELLED + 1)


def test_the_application_never_imports_torch(project) -> None:
    script = """
import sys
from streamlit.testing.v1 import AppTest
import app
page = AppTest.from_file("sslapp/main.py", default_timeout=30).run()
page.button(key="start").click().run()
assert not page.exception, page.exception
assert page.subheader[0].value.startswith("Round 1"), page.subheader[0].value
print(sorted({"torch", "sklearn", "faiss"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "SSLAPP_WORKSPACE": str(project.workspace.root), "LOGNAME": "Ann"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert job_status(project, round_status(project, None)["job_id"])["kind"] == JobKind.ROUND
