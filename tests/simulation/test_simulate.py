"""The simulated loop: what it reports, and that it knows nothing it was not told."""

import itertools
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


def played(root, source, **options):
    """Play a simulation in a workspace of its own; returns report and events."""
    access = enter(Workspace(workspace=root), "Ann")
    defaults = {"data": str(source), "method": "supervised", "labels": 20, "threads": 1}
    defaults |= {"config": {**small_project.TINY_SUPERVISED, "steps": 30}, "reviews": 5}
    try:
        report = simulate(access, Simulation(**{**defaults, **options}))
        with reading(access.engine) as conn:
            events = list(read(conn, 1))
        assert small_project.damage(access) is None
    finally:
        access.engine.dispose()
    return report, events


@pytest.fixture
def play(tmp_path):
    """A function that plays a simulation of the usual images; returns report and events."""
    source, numbers = small_project.write_npz(tmp_path / "digits.npz"), itertools.count()

    def run(**options):
        return played(tmp_path / f"workspace-{next(numbers)}", source, **options)

    return run


CARELESS = ReaderModel(accuracy=0.5)


@pytest.fixture(scope="module")
def careful(tmp_path_factory):
    """(report, events) of two rounds with a reader who is always right."""
    folder = tmp_path_factory.mktemp("careful")
    source = small_project.write_npz(folder / "digits.npz")
    return played(folder / "workspace", source, rounds=2, upper_limit=True)


@pytest.fixture(scope="module")
def careless(tmp_path_factory):
    """(report, events) of two rounds with a reader who is wrong half of the time."""
    folder = tmp_path_factory.mktemp("careless")
    source = small_project.write_npz(folder / "digits.npz")
    return played(folder / "workspace", source, rounds=2, reader=CARELESS)


@pytest.mark.slow
def test_the_report_has_the_agreed_shape_and_the_numbers_of_the_history(careful) -> None:
    report, events = careful
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
def test_the_scores_are_those_of_the_true_labels(careful) -> None:
    report, events = careful
    classes = small_project.digits(120)[1]
    (bulk,) = [event for event in events if event.kind == EventKind.BULK_ACCEPT]
    # the classes were made in this order, so their ids are 1, 2, ...
    right = classes[bulk.members] == bulk.member_classes - 1
    row = report["rounds"][-1]
    assert row["accepted_precision"] == pytest.approx(right.mean(), abs=1e-6)
    held = sum(event.kind == EventKind.DRAW_HOLDOUT for event in events)
    given = 120 - len(bulk.members)  # a perfect reader's own labels are right
    assert held == 8
    expected = (given + right.sum()) / 120
    assert row["label_accuracy"] == pytest.approx(expected, abs=1e-6)
    assert 0.3 < row["test_accuracy"] <= 1
    first = report["rounds"][0]  # of 20 labels
    limit = report["final"]["upper_limit"]
    assert limit["labels"] == 120 - held
    assert limit["test_accuracy"] > first["test_accuracy"]


@pytest.mark.slow
def test_a_careless_reader_ends_with_worse_labels(careful, careless) -> None:
    ends = [report["final"]["label_accuracy"] for report, _ in (careful, careless)]
    assert ends[1] < ends[0] - 0.1


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
@pytest.mark.parametrize(("before", "reader"), [("careful", ReaderModel()), ("careless", CARELESS)])
def test_true_labels_of_images_never_asked_about_change_no_action(
    before, reader, play, request, tmp_path
) -> None:
    report, events = request.getfixturevalue(before)
    about = (EventKind.LABEL, EventKind.ACCEPT, EventKind.RELABEL)
    asked = {event.position for event in events if event.kind in about}
    truth = small_project.digits(160)[1]
    others = np.setdiff1d(np.arange(160), list(asked))
    assert len(others) > 80
    shuffled = truth.copy()
    shuffled[others] = np.random.default_rng(5).permutation(truth[others])
    assert (shuffled != truth).any()
    small_project.write_npz(tmp_path / "other" / "digits.npz", shuffled)
    other = str(tmp_path / "other" / "digits.npz")
    again, events_again = play(rounds=2, reader=reader, data=other)
    assert decisions(events_again) == decisions(events)
    assert again["final"]["reader_actions"] == report["final"]["reader_actions"]
    assert again["final"]["label_accuracy"] < report["final"]["label_accuracy"]


@pytest.mark.slow
def test_other_labels_of_images_that_are_asked_about_do_change_actions(
    careful, play, tmp_path
) -> None:
    """The test above could fail: the answers do reach the log."""
    truth = small_project.digits(160)[1]
    small_project.write_npz(tmp_path / "other" / "digits.npz", (truth + 1) % 10)
    other = str(tmp_path / "other" / "digits.npz")
    _, events_again = play(rounds=1, data=other, method="label-propagation", config={})
    first, again = (
        [(event.position, event.class_id) for event in events if event.kind == EventKind.LABEL][:20]
        for events in (careful[1], events_again)
    )
    # the classes' ids are 1, 2, ...
    assert again == [(position, class_id % 10 + 1) for position, class_id in first]


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


@pytest.mark.slow
def test_a_failed_round_ends_the_simulation_with_its_reason(play) -> None:
    with pytest.raises(ValueError, match="steps"):
        play(config={"steps": -1})


@pytest.mark.slow
def test_equal_shares_of_the_classes_need_a_multiple_of_them(play) -> None:
    course = {"rounds": 1, "acquisition": "balanced", "method": "label-propagation", "config": {}}
    _, events = play(labels=30, **course)
    given = [event.class_id for event in events if event.kind == EventKind.LABEL]
    assert sorted(given) == sorted([*range(1, 11)] * 3)
    with pytest.raises(ValueError, match="cannot be shared equally by 10 classes"):
        play(labels=31, **course)
