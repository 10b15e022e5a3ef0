"""What a round is calibrated on, what it keeps of it, and when it proposes nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest
import small_project

from sslapp import durable
from sslapp.jobs.context import JobContext
from sslapp.rounds import RoundPhase, publishing
from sslapp.store import reports, rounds
from sslapp.store.database import reading, writing
from sslapp.store.state import load_state
from sslapp.training.calibration.scaling import Vector
from sslapp.training.calibration.temperature import fit_temperature, upper_temperature
from sslapp.usecases.labelling import decisions
from sslapp.usecases.reviewing.board import read_board
from sslapp.usecases.reviewing.candidates import propose
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import CalibratedOn, Gear

BRIEF = {**small_project.TINY_SUPERVISED, "steps": 12}
"""Options of a round that need not have learned much."""


def trained(access, **options) -> rounds.FinishedRound:
    start_round(access, None, **options)
    small_project.run_jobs(access)
    return newest(access)


def newest(access) -> rounds.FinishedRound:
    with reading(access.engine) as conn:
        return rounds.finished_round(conn, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trainings", "source", "asked", "rule"),
    [
        ("one", CalibratedOn.THIRD, 12, upper_temperature),
        ("auto", CalibratedOn.THIRDS, 34, fit_temperature),
    ],
)
def test_on_pixels_further_trainings_answer_about_labels_they_were_not_taught(
    project, trainings, source, asked, rule
) -> None:
    import torch

    config = {**BRIEF, "calibration_trainings": trainings}
    found = trained(project, method="supervised", config=config)
    assert found.metrics["calibrated_on"] == source
    answers = found.read_answers(project.workspace)
    assert answers is not None
    assert len(answers.positions) == found.metrics["calibrated_count"] == asked
    with reading(project.engine) as conn:
        state = load_state(conn, 1)
    assert set(answers.positions) <= set(state.labelled)
    assert answers.labels.tolist() == state.labels[answers.positions].tolist()
    logits, labels = (torch.from_numpy(np.array(x)) for x in (answers.logits, answers.labels))
    assert found.temperature == rule(logits, labels)
    # the answers are another fit's: the round's own was taught these labels
    own = found.read_probabilities(project.workspace)[answers.positions]
    assert not np.allclose(torch.softmax(logits, dim=1).numpy(), own, atol=1e-3)


def test_on_features_every_label_is_asked_about_and_members_are_kept(project) -> None:
    found = trained(project, method="head-ensemble")
    assert (found.gear, found.metrics["calibrated_on"]) == (Gear.FEATURES, CalibratedOn.FOLDS)
    answers = found.read_answers(project.workspace)
    assert answers is not None
    with reading(project.engine) as conn:
        state = load_state(conn, 1)
    assert set(answers.positions) <= set(state.labelled)
    assert len(answers.positions) > 30
    assert found.metrics["members"] == ["linear probe", "prototypes", "label propagation"]
    members = durable.read_array(project.workspace.path(found.members))
    p = found.read_probabilities(project.workspace)
    assert members.shape == (len(p), 3, 10)
    folder = project.workspace.path(found.probabilities).parent
    written = json.loads((folder / "predictor" / "predictor.json").read_text())["members"]
    shares = np.array([each["share"] for each in written])
    weighted = np.einsum("m,nmc->nc", shares / shares.sum(), members.astype(np.float64))
    assert np.allclose(weighted, p, atol=2e-3)
    assert small_project.damage(project) is None


@pytest.mark.slow
def test_a_round_without_further_trainings_is_uncalibrated_and_proposes_nothing(project) -> None:
    config = {**BRIEF, "calibration_trainings": "none"}
    found = trained(project, method="supervised", config=config)
    assert not found.is_calibrated
    assert found.temperature == 1
    assert found.read_answers(project.workspace) is None
    said = propose(project, None, threshold=0.0)
    assert len(said.candidates) == 0
    assert said.doubts == (
        "Round 1 is uncalibrated and proposes nothing. 24 more holdout labels calibrate the next "
        "round."
    )
    assert said.missing_holdout == 24
    for position in np.flatnonzero(read_board(project, 1).labels < 0)[:24].tolist():
        small_project.draw_holdout(project, position)
        decisions.label(project, None, position, "3")
    by_now = propose(project, None, threshold=0.0)
    assert by_now.missing_holdout == 0
    assert by_now.doubts.endswith("proposes nothing. The holdout calibrates the next round.")
    board = read_board(project, 1)
    assert len(board.proposals) == 0
    assert board.doubts == by_now.doubts
    assert (board.predicted >= 0).any(), "what it predicts can still be looked at"


@pytest.mark.parametrize("contradicted", [True, False])
def test_a_collapsed_round_is_said_and_withheld_where_the_holdout_contradicts(
    reviewed, contradicted
) -> None:
    found = newest(reviewed)
    collapse = {"column": 2, "share": 0.97, "labelled": 4, "labels": 40}
    metrics = {**found.metrics, "collapse": {**collapse, "contradicted": contradicted}}
    with writing(reviewed.engine, 1) as conn:
        rounds.change_round(conn, found.id, {"metrics": metrics})
    said = propose(reviewed, None, threshold=0.0)
    assert said.doubts.startswith("Round 1 calls 97.0 % of the pool 2; of 40 labels 4 are.")
    assert (len(said.candidates) == 0) == contradicted
    assert ("it proposes nothing" in said.doubts) == contradicted


def test_a_collapse_is_looked_for_in_what_is_proposed(project, monkeypatch) -> None:
    swayed = Vector(1.0, (1.0,) * 10, (999.0, *[0.0] * 9))
    calibrate = publishing.calibrate
    monkeypatch.setattr(
        publishing,
        "calibrate",
        lambda *given, **options: replace(calibrate(*given, **options), scaling=swayed),
    )
    found = trained(project, method="label-propagation")
    assert len(np.unique(found.read_probabilities(project.workspace).argmax(axis=1))) > 5
    assert (found.metrics["collapse"]["column"], found.metrics["collapse"]["share"]) == (0, 1)
    proposed = propose(project, None, threshold=0.0).candidates.columns
    assert set(proposed.tolist()) == {0}


def test_a_round_of_an_earlier_version_proposes_as_it_did(reviewed) -> None:
    found = newest(reviewed)
    before = {"holdout": 6, "calibrated": False, "temperature": 1.0}
    with writing(reviewed.engine, 1) as conn:
        rounds.change_round(conn, found.id, {"metrics": before, "temperature": 1.0})
    said = propose(reviewed, None, threshold=0.0)
    assert len(said.candidates)
    assert not said.doubts


@pytest.mark.slow
def test_progress_counts_every_fit_of_the_round_and_its_curves_show_its_own(
    project, monkeypatch
) -> None:
    told = []
    shown = JobContext.progress

    def progress(self, step, total, message="", also=None):
        told.append((message, step, total))
        shown(self, step, total, message, also)

    monkeypatch.setattr(JobContext, "progress", progress)
    config = {"steps": 6, "batch_size": 8, "calibration_trainings": "three"}
    found = trained(project, method="supervised", config=config)
    phases = {RoundPhase.TRAINING, RoundPhase.CALIBRATING}
    fits = [each for each in told if each[0] in phases]
    assert {total for _, _, total in fits} == {24}
    assert [step for _, step, _ in fits] == sorted(step for _, step, _ in fits)
    own = [step for phase, step, _ in fits if phase == RoundPhase.TRAINING]
    assert (max(own), fits[-1]) == (6, (RoundPhase.CALIBRATING, 24, 24))
    with reading(project.engine) as conn:
        curve = reports.curves(conn, [found.id])[found.id]["loss"]
    assert [step for step, _ in curve] == sorted({step for step, _ in curve})
    assert curve[-1][0] == 6
