"""The simulated loop: what it reports, and that it knows nothing it was not told."""

import os
import signal

import numpy as np
import pytest
import small_project

from sslapp.simulation.reader import ReaderModel
from sslapp.store.database import reading
from sslapp.store.log.events import read
from sslapp.usecases.access import enter
from sslapp.usecases.simulation import Simulation, simulate
from sslapp.vocabulary import EventKind
from sslapp.workspace import Workspace

ROUND = {
    *("round", "reader_actions", "labels", "candidates", "accepted", "accepted_precision"),
    *("label_accuracy", "test_accuracy", "seconds"),
}
TOP = {"data", "images", "classes", "method", "gear", "seed", "rounds", "final"}
FINAL = {"label_accuracy", "test_accuracy", "reader_actions", "seconds"}


@pytest.fixture
def play(tmp_path):
    """A function that plays a simulation in a workspace of its own; returns report and events."""
    opened = []

    def run(**options):
        access = enter(Workspace(workspace=tmp_path / f"workspace-{len(opened)}"), "Ann")
        opened.append(access)
        source = small_project.write_npz(tmp_path / "digits.npz")
        defaults = {"data": str(source), "method": "supervised", "labels": 20, "threads": 1}
        defaults |= {"config": {**small_project.TINY_SUPERVISED, "steps": 30}, "reviews": 5}
        report = simulate(access, Simulation(**{**defaults, **options}))
        with reading(access.engine) as conn:
            events = list(read(conn, 1))
        assert small_project.damage(access) is None
        return report, events

    yield run
    for access in opened:
        access.engine.dispose()


@pytest.mark.slow
def test_the_report_has_the_agreed_shape_and_the_numbers_of_the_history(play) -> None:
    report, events = play(rounds=2)
    assert set(report) >= TOP
    assert set(report["final"]) >= FINAL
    assert [set(row) >= ROUND for row in report["rounds"]] == [True, True]
    assert [row["round"] for row in report["rounds"]] == [1, 2]
    assert (report["images"], report["classes"], report["method"]) == (160, 10, "supervised")
    assert report["gear"] == "pixels"
    kinds = [event.kind for event in events]
    first, last = report["rounds"]
    assert first["labels"] == last["labels"] == 20
    assert kinds.count(EventKind.LABEL) == 40
    singles = kinds.count(EventKind.ACCEPT) + kinds.count(EventKind.RELABEL)
    assert singles == 5
    bulks = [event for event in events if event.kind == EventKind.BULK_ACCEPT]
    assert [len(event.members) for event in bulks] == [last["accepted"]]
    assert report["final"]["reader_actions"] == 40 + 5 + 1
    assert (first["accepted"], first["accepted_precision"]) == (0, None)
    assert report["final"]["reader_seconds"] > 40 * 3


@pytest.mark.slow
def test_the_scores_are_those_of_the_true_labels(play, tmp_path) -> None:
    report, events = play(rounds=1, upper_limit=True)
    truth = np.load(tmp_path / "digits.npz")
    classes = truth["train_labels"]
    (bulk,) = [event for event in events if event.kind == EventKind.BULK_ACCEPT]
    # the classes were made in this order, so their ids are 1, 2, ...
    right = classes[bulk.members] == bulk.member_classes - 1
    row = report["rounds"][0]
    assert row["accepted_precision"] == pytest.approx(right.mean(), abs=1e-6)
    held = sum(event.kind == EventKind.DRAW_HOLDOUT for event in events)
    given = 120 - len(bulk.members)  # a perfect reader's own labels are right
    assert held == 4
    expected = (given + right.sum()) / 120
    assert row["label_accuracy"] == pytest.approx(expected, abs=1e-6)
    assert 0.3 < row["test_accuracy"] <= 1
    limit = report["final"]["upper_limit"]
    assert limit["labels"] == 120 - held
    assert limit["test_accuracy"] > row["test_accuracy"]


@pytest.mark.slow
def test_a_careless_reader_ends_with_worse_labels(play) -> None:
    careful, _ = play(rounds=1, labels=40)
    careless, _ = play(rounds=1, labels=40, reader=ReaderModel(accuracy=0.5))
    assert careless["final"]["label_accuracy"] < careful["final"]["label_accuracy"] - 0.1


def decisions(events) -> list[tuple]:
    """The events without their times and keys, and without whose name hashes them."""
    return [
        (
            *(event.number, event.kind, event.position, event.class_id, event.round_id),
            None if event.members is None else event.members.tolist(),
            None if event.member_classes is None else event.member_classes.tolist(),
            {k: v for k, v in event.payload.items() if k not in ("sha256", "snapshot")},
        )
        for event in events
        if event.kind not in (EventKind.ROUND_DONE, EventKind.SNAPSHOT)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("reader", [ReaderModel(), ReaderModel(accuracy=0.8)])
def test_true_labels_of_images_never_asked_about_change_no_action(reader, play, tmp_path) -> None:
    course = {"rounds": 2, "reader": reader, "accept_above": 0.9}
    report, events = play(**course)
    about = (EventKind.LABEL, EventKind.ACCEPT, EventKind.RELABEL)
    asked = {event.position for event in events if event.kind in about}
    truth = small_project.digits(160)[1]
    others = np.setdiff1d(np.arange(160), list(asked))
    assert len(others) > 80
    shuffled = truth.copy()
    shuffled[others] = np.random.default_rng(5).permutation(truth[others])
    assert (shuffled != truth).any()
    small_project.write_npz(tmp_path / "other" / "digits.npz", shuffled)
    again, events_again = play(**course, data=str(tmp_path / "other" / "digits.npz"))
    assert decisions(events_again) == decisions(events)
    assert again["final"]["reader_actions"] == report["final"]["reader_actions"]
    assert again["final"]["label_accuracy"] < report["final"]["label_accuracy"]


@pytest.mark.slow
def test_shuffled_labels_of_images_that_are_asked_about_do_change_actions(play, tmp_path) -> None:
    """The test above could fail: the answers do reach the log."""
    _, events = play(rounds=1)
    truth = small_project.digits(160)[1]
    small_project.write_npz(tmp_path / "other" / "digits.npz", (truth + 1) % 10)
    _, events_again = play(rounds=1, data=str(tmp_path / "other" / "digits.npz"))
    assert decisions(events_again) != decisions(events)


def test_a_set_without_true_labels_cannot_be_simulated(play, tmp_path) -> None:
    unknown = np.full(160, -1)
    unknown[:10] = np.arange(10)
    small_project.write_npz(tmp_path / "other" / "digits.npz", unknown)
    with pytest.raises(ValueError, match="no true labels for 150 images"):
        play(data=str(tmp_path / "other" / "digits.npz"))


@pytest.mark.slow
def test_a_simulation_shares_its_workspace_with_a_worker(tmp_path, launcher) -> None:
    """The worker may take its jobs; the simulation waits for them."""
    access = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    worker = launcher.start(access.workspace.root, ("worker", "--threads", "1"))
    source = str(small_project.write_npz(tmp_path / "digits.npz"))
    options = {"method": "supervised", "config": {"steps": 5}, "rounds": 1, "labels": 20}
    try:
        report = simulate(access, Simulation(data=source, threads=1, **options))
    finally:
        os.kill(worker, signal.SIGKILL)
        launcher.wait()
    assert report["rounds"][0]["labels"] == 20
    access.engine.dispose()


def test_a_failed_round_ends_the_simulation_with_its_reason(play) -> None:
    with pytest.raises(ValueError, match="steps"):
        play(config={"steps": -1})


@pytest.mark.slow
def test_equal_shares_of_the_classes_need_a_multiple_of_them(play) -> None:
    _, events = play(rounds=1, labels=30, acquisition="balanced")
    given = [event.class_id for event in events if event.kind == EventKind.LABEL]
    assert sorted(given) == sorted([*range(1, 11)] * 3)
    with pytest.raises(ValueError, match="cannot be shared equally by 10 classes"):
        play(rounds=1, labels=31, acquisition="balanced")
