"""The Train page on real workspaces: start, follow, cancel, resume, and the rounds so far."""

import os
from pathlib import Path

import pandas as pd
import pytest
import small_project
import torch
from sqlalchemy import insert, select
from streamlit.testing.v1 import AppTest
from streamlit.typing import DataframeState

from sslapp.jobs import queue
from sslapp.methods.registry import CARDS
from sslapp.rounds.pictures import Pictures
from sslapp.store import rounds
from sslapp.store.database import reading, writing
from sslapp.store.schema import embedding, round_, round_metric
from sslapp.ui.train.choices import ALL
from sslapp.usecases.access import enter
from sslapp.usecases.jobs import job_status
from sslapp.usecases.labelling import decisions, verdicts
from sslapp.usecases.projects.settings import change_settings, create_project
from sslapp.usecases.reviewing.candidates import propose
from sslapp.usecases.training.known import read_known
from sslapp.usecases.training.rounds import cancel_round, round_status, start_round
from sslapp.vocabulary import CalibratedOn, FailureKind, JobState
from sslapp.workspace import Workspace


@pytest.fixture
def open_train(open_app):
    """A function that opens the Train page on a workspace folder."""

    def make(root: Path) -> AppTest:
        return open_app(root, "train")

    return make


def texts(page: AppTest) -> str:
    kinds = ("caption", "error", "subheader", "markdown")
    return "\n".join(each.value for kind in kinds for each in page.get(kind))


def rounds_table(page: AppTest) -> pd.DataFrame:
    """The table of rounds, which stands below what is known of the newest."""
    return page.dataframe[-1].value


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception, page.exception
    return page


def keys(page: AppTest) -> set[str]:
    return {each.key for each in page.button}


def failed(access, reason: str, kind: FailureKind | None = None) -> None:
    """Fail the waiting round as its worker would."""
    held = queue.claim(access.engine, os.getpid())
    assert held is not None
    with writing(access.engine) as conn:
        queue.fail(conn, held, reason, kind)


def test_a_round_is_started_with_the_options_that_were_changed(project, open_train) -> None:
    page = open_train(project.workspace.root)
    assert CARDS["fixmatch"].about in texts(page)
    equations = CARDS["fixmatch"].formula.splitlines()
    assert all(each in page.latex[at].value for at, each in enumerate(equations))
    page.number_input(key="train-1-fixmatch-steps").set_value(12)
    page.number_input(key="train-1-fixmatch-tau").set_value(0.9)
    page.number_input(key="train-seed").set_value(7).run()
    assert "2 changed:" in texts(page)
    press(page, "train-start")
    row = round_status(project, None)
    assert (row["method"], row["gear"], row["seed"], row["state"]) == (
        "fixmatch",
        "pixels",
        7,
        "queued",
    )
    assert (row["config"]["steps"], row["config"]["tau"]) == (12, 0.9)
    assert row["config"]["batch_size"] == 0, "automatic"
    assert page.subheader[0].value == "Round 1 · FixMatch"
    assert "Waits for a worker" in texts(page)
    assert "train-start" not in keys(page)


def test_a_round_follows_the_projects_default_that_nobody_touched(project, open_train) -> None:
    page = open_train(project.workspace.root)
    assert page.toggle(key="train-1-fixmatch-flip").value is False
    change_settings(project, 1, flip=True)
    page.run()
    assert page.toggle(key="train-1-fixmatch-flip").value is True
    assert "changed:" not in texts(page)
    press(page, "train-start")
    assert round_status(project, None)["config"]["flip"] is True


def embedded_by(access, encoder: str) -> None:
    """Take the newest embedding for another encoder's as well."""
    with writing(access.engine) as conn:
        row = dict(conn.execute(select(embedding)).mappings().first() or {})
        conn.execute(insert(embedding).values(row | {"id": None, "encoder": encoder}))


def test_the_newest_encoder_is_taken_until_another_is_chosen(project, open_train) -> None:
    page = open_train(project.workspace.root)
    page.selectbox(key="train-method").set_value("prototypes").run()
    embedded_by(project, "second")
    assert page.run().selectbox(key="train-encoder-1").value == "second"
    page.selectbox(key="train-encoder-1").select("pixels").run()
    embedded_by(project, "third")  # two have learned from images: they can be seen side by side
    several = page.run().selectbox(key="train-encoders-1")
    assert several.options[0] == "All 2, side by side"
    assert several.value == ALL
    page.selectbox(key="train-encoders-1").select("All 2, side by side").run()
    embedded_by(project, "fourth")
    assert page.run().selectbox(key="train-encoders-1").options[0] == "All 3, side by side"


@pytest.mark.slow
def test_gear_encoder_and_method_go_into_the_round(project, open_train) -> None:
    page = open_train(project.workspace.root)
    page.selectbox(key="train-method").set_value("supervised").run()
    assert {each.key for each in page.number_input if "penalty" in (each.key or "")} == set()
    page.segmented_control(key="train-gear-supervised").set_value("features").run()
    page.number_input(key="train-1-supervised-penalty").set_value(2.0).run()
    assert not any("steps" in (each.key or "") for each in page.number_input)
    press(page, "train-start")
    row = round_status(project, None)
    assert (row["method"], row["gear"], row["encoder"]) == ("supervised", "features", "pixels")
    assert row["config"]["penalty"] == 2.0


def test_an_earlier_snapshot_compares_methods_on_the_same_labels(reviewed, open_train) -> None:
    decisions.label(reviewed, None, 100, "1")
    page = open_train(reviewed.workspace.root)
    now = small_project.LABELLED - 6 + 1
    assert f"{now} labels" in texts(page)
    page.selectbox(key="train-labels-1").select(1).run()
    assert f"{now - 1} labels" in texts(page)
    page.selectbox(key="train-method").set_value("prototypes").run()
    press(page, "train-start")
    first, second = (round_status(reviewed, None, number) for number in (1, 2))
    assert second["snapshot_id"] == first["snapshot_id"]


def test_a_snapshot_that_is_gone_is_told_and_the_labels_of_today_taken(
    reviewed, open_train
) -> None:
    page = open_train(reviewed.workspace.root)
    page.selectbox(key="train-labels-1").select(1).run()
    with writing(reviewed.engine) as conn:
        conn.execute(round_.update().values(number=2))
    page.run()
    assert [each.value for each in page.warning] == [r"The snapshot you chose is there no more\."]
    assert page.selectbox(key="train-labels-1").value == 0
    assert not page.run().warning


def test_what_it_will_use_is_shown_with_what_to_know(project, open_train) -> None:
    shown = texts(open_train(project.workspace.root))
    assert "34 labels · pool of 80 images · holdout 6 labelled of 6 drawn" in shown
    assert "calibrated on all 34 labels by three further trainings" in shown
    assert "a rough guess: nothing like it ran here yet" in shown
    with pytest.raises(ValueError, match="There is no round yet"):
        round_status(project, None)


def test_a_round_that_ran_tells_how_long_the_next_takes(reviewed, open_train) -> None:
    page = open_train(reviewed.workspace.root)
    page.selectbox(key="train-method").set_value("supervised").run()
    assert "on this machine, from round 1." in texts(page)


def test_a_refused_option_keeps_the_round_from_starting(project, open_train) -> None:
    page = open_train(project.workspace.root)
    page.number_input(key="train-1-fixmatch-layer_decay").set_value(0.0).run()
    assert "Input should be greater than 0" in texts(page)
    assert page.button(key="train-start").disabled
    press(page, "train-1-fixmatch-layer_decay-reset")
    assert not page.button(key="train-start").disabled


def test_without_labels_it_says_where_to_get_them(tmp_path: Path, open_train) -> None:
    access = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    project_id = create_project(access, "Bare")
    page = open_train(tmp_path / "workspace")
    assert "import some on the Projects page" in texts(page)
    source = small_project.write_npz(tmp_path / "digits.npz")
    small_project.import_images(access, project_id, str(source))
    small_project.run_jobs(access)
    page.run()
    assert page.button(key="train-start").disabled
    assert "label a few images on the Label page" in texts(page)
    access.engine.dispose()


def test_a_running_round_shows_what_it_does(project, open_train) -> None:
    start_round(project, None, config=small_project.TINY)
    held = queue.claim(project.engine, os.getpid())
    assert held is not None
    with writing(project.engine) as conn:
        queue.beat(conn, held, 6, 12, "training")
        for step in (3, 6):
            values = {
                "labelled loss": 1 / step,
                "unlabelled loss": 0.3,
                "mask rate": 0.25,
                "holdout accuracy": 0.5,
                "seconds": step / 3,
                "pseudo_labels/0": 3.0,
                "pseudo_labels/1": 1.0,
                "threshold/0": 0.6,
                "threshold/1": 0.45,
                "pseudo-labels right": 0.9,
                "pseudo-labels judged": 3.5,
            }
            rows = [
                {"round_id": 1, "step": step, "name": name, "value": value}
                for name, value in values.items()
            ]
            conn.execute(insert(round_metric), rows)
    views = {name: torch.zeros(6, 1, 8, 8, dtype=torch.uint8) for name in ("image", "weak")}
    attempt = project.workspace.attempt(held.folder, held.attempt)
    attempt.mkdir(parents=True, exist_ok=True)
    Pictures(attempt).look(6, 12, lambda: views)
    page = open_train(project.workspace.root)
    bar = page.get("progress")[0].proto
    assert bar.value == 50
    assert bar.text.startswith("training · 6 of 12 · 50 % · about 2 s left")
    figures = {each.label: each.value for each in page.metric}
    assert figures == {
        "Labelled loss": "0.167",
        "Unlabelled loss": "0.300",
        "Mask rate": "25 %",
        "Pseudo\\-labels right": "90 %",
    }
    shown = texts(page)
    assert "50.0 % (11.8 to 88.2 %), n = 6" in shown
    assert "3.00 steps/s · 120 images/s · worker " in shown
    assert "of the labelled images that are part of the unlabelled set, 3.5 a step" in shown
    assert "of the same images, after 6 steps" in shown and "Weak" in shown
    losses, shares, thresholds = page.get("plotly_chart")
    assert '"45 %"' in thresholds.proto.spec
    assert "unlabelled loss" in losses.proto.spec
    assert '"75 %"' in shares.proto.spec


def test_cancel_asks_a_running_round_to_stop_and_says_so(project, open_train) -> None:
    start_round(project, None, config=small_project.TINY)
    held = queue.claim(project.engine, os.getpid())
    assert held is not None
    page = press(open_train(project.workspace.root), f"cancel-{held.job_id}")
    button = page.button(key=f"cancel-{held.job_id}")
    assert (button.label, button.disabled) == ("Cancelling …", True)
    assert job_status(project, held.job_id)["cancel"]
    with writing(project.engine) as conn:
        queue.mark_cancelled(conn, held)
    page.run()
    assert "Round 1 was cancelled." in texts(page)
    press(page, "resume-1")
    assert round_status(project, None)["state"] == JobState.QUEUED


def test_a_failure_tells_its_reason_and_offers_to_resume(project, open_train) -> None:
    start_round(project, None, config=small_project.TINY)
    failed(project, "The disk is full: make room and resume.")
    page = open_train(project.workspace.root)
    assert page.error[0].value == r"Round 1 failed. The disk is full\: make room and resume\."
    assert "resume-1" in keys(page) and "resume-inexact-1" not in keys(page)
    assert "train-start" in keys(page)
    press(page, "resume-1")
    assert round_status(project, None)["state"] == JobState.QUEUED


def test_only_a_round_refused_for_it_is_resumed_inexactly(project, open_train) -> None:
    start_round(project, None, config=small_project.TINY)
    failed(project, "threads was 1 and would be 2.", FailureKind.INEXACT)
    page = press(open_train(project.workspace.root), "resume-inexact-1")
    job_id = round_status(project, None)["job_id"]
    assert job_status(project, job_id)["params"]["inexact"] is True
    assert "Round 1 · FixMatch" in texts(page)


def test_another_round_is_queued_behind_a_running_one(project, open_train) -> None:
    start_round(project, None, method="supervised")
    page = open_train(project.workspace.root)
    page.session_state["train-another"] = True
    page.run()
    press(page, "train-start")
    assert round_status(project, None)["number"] == 2
    assert "Round 2 · FixMatch" in texts(page)


def test_a_done_round_calls_to_its_review(reviewed, open_train) -> None:
    page = open_train(reviewed.workspace.root)
    number = len(propose(reviewed, None).candidates)
    assert number > 0
    assert "**Round 1 is done.**" in texts(page)
    assert page.button(key="train-review").label == f"Review {number} candidates"


def test_an_uncalibrated_round_calls_for_the_holdout_that_mends_it(reviewed, open_train) -> None:
    with reading(reviewed.engine) as conn:
        found = rounds.finished_round(conn, 1)
    metrics = {**found.metrics, "calibrated": False, "calibrated_on": CalibratedOn.NOTHING}
    with writing(reviewed.engine, 1) as conn:
        rounds.change_round(conn, found.id, {"metrics": metrics})
    page = open_train(reviewed.workspace.root)
    assert page.button(key="train-holdout").label == "Label 24 holdout images"
    assert page.button(key="train-review").label == "Open review"
    assert "proposes nothing" in texts(page)


def test_a_selected_round_is_told_in_full(reviewed, open_train) -> None:
    page = open_train(reviewed.workspace.root)
    line = rounds_table(page).iloc[0]
    row = round_status(reviewed, None)
    accuracy = row["metrics"]["holdout_accuracy"]
    assert line["Holdout accuracy (95 % interval)"].startswith(f"{100 * accuracy:.1f} % (")
    assert (line["Method"], line["Accepted"]) == ("Supervised baseline (pixels)", 0)
    choice = {"selection": {"rows": [0], "columns": [], "cells": []}}
    page.session_state["rounds-table"] = DataframeState(choice)
    page.run()
    assert not page.exception, page.exception
    shown = texts(page)
    assert "Round 1 · Supervised baseline" in shown
    assert "steps 60" in shown
    assert "34 labels" in shown and "snapshot" in shown
    assert "threads 1" in shown
    assert "learning rate" not in shown  # as by default
    assert len(page.get("plotly_chart")) == 4  # two of what is known, labels, losses


def test_what_is_known_is_listed_class_by_class(reviewed, open_train) -> None:
    table = open_train(reviewed.workspace.root).dataframe[0].value
    known = read_known(reviewed, 1, 1)
    assert table["Class"].tolist() == [each.name for each in known.by_class()]
    assert (table["Right"].sum(), table["n"].sum()) == (known.right.sum(), len(known.right))
    told = table["Accuracy (95 % interval)"].tolist()
    assert told[0].startswith(f"{100 * table['Right'][0] / table['n'][0]:.1f} % (")
    unjudged = [each for each, n in zip(told, table["n"], strict=True) if not n]
    assert set(unjudged) <= {"no label to judge it by"}


def test_accepted_pseudo_labels_are_counted_for_their_round(reviewed, open_train) -> None:
    position = int(propose(reviewed, None).candidates.positions[-1])
    verdicts.accept(reviewed, None, position)
    page = open_train(reviewed.workspace.root)
    assert rounds_table(page).iloc[0]["Accepted"] == 1


@pytest.mark.slow
def test_a_cancelled_round_stays_in_the_table(project, open_train) -> None:
    start_round(project, None, method="supervised", seed=3)
    cancel_round(project, None)
    line = rounds_table(open_train(project.workspace.root)).iloc[0]
    assert (line["State"], line["Seed"]) == ("cancelled", 3)


def test_methods_are_compared_on_a_press_and_the_table_is_shown(project, open_train) -> None:
    page = open_train(project.workspace.root)
    press(page, "train-trials-start")
    assert "Comparing methods on your labels" in [each.value for each in page.subheader]
    small_project.run_jobs(project)
    page = open_train(project.workspace.root)
    (found,) = [each.value for each in page.dataframe if "Against the ensemble" in each.value]
    assert found[["Method", "Sees"]].values.tolist()[0] == ["Ensemble of heads", "Pixels (PCA)"]
    assert "Asked about 34 labels" in texts(page)
    decisions.label(project, 1, 100, "3")
    page.run()
    assert "You have 35 labels to train on now" in texts(page)


def test_with_few_labels_the_comparison_says_what_it_lacks(open_copy, prepared, open_train) -> None:
    access = open_copy(prepared)
    with writing(access.engine) as conn:
        conn.execute(embedding.delete())
    page = open_train(access.workspace.root)
    assert page.button(key="train-trials-start").disabled
    assert "Methods are compared on features: embed all images first." in texts(page)


def test_a_rounds_model_is_exported_and_fetched_from_its_details(
    with_round, tmp_path, open_train
) -> None:
    access = small_project.copy(with_round, tmp_path / "workspace")
    page = open_train(access.workspace.root)
    assert "model-export-1" not in keys(page)
    page.session_state["rounds-table"] = DataframeState(
        selection={"rows": [0], "columns": [], "cells": []}
    )
    page.run()
    press(page, "model-export-1")
    assert "waits for a worker" in texts(page)
    small_project.run_jobs(access)
    page.run()
    assert "of round 1" in texts(page)
    assert "model-round-1.zip" in "\n".join(each.value for each in page.code)
    links = [each.proto.url for each in page.get("link_button")]
    assert [each for each in links if "/exports/" in each], links
