"""Exports carry every label with where it comes from, and nothing that nobody decided."""

import json

import numpy as np
import pandas as pd
import pytest
import small_project

from sslapp.store.database import writing
from sslapp.store.schema import job
from sslapp.usecases import decisions
from sslapp.usecases.exports import export
from sslapp.usecases.predictions import propose
from sslapp.usecases.rounds import start_round
from sslapp.vocabulary import JobState

COLUMNS = {
    *("position", "name", "class", "source", "reader", "event", "round", "confidence"),
    *("group", "split", "snapshot"),
}


@pytest.fixture
def decided(reviewed):
    """A project with labels of every source."""
    decisions.accept(reviewed, None, [60])
    decisions.bulk_accept(reviewed, None, [61, 62])
    decisions.relabel(reviewed, None, 63, "3")
    decisions.label(reviewed, None, 64, "4", adjudicate=True)
    decisions.label(reviewed, None, small_project.POOL, "8")
    decisions.reject(reviewed, None, 65)
    decisions.withhold(reviewed, None, [66])
    return reviewed


def exported(access, target) -> dict:
    row = small_project.finish(access, export(access, None, target))
    assert row["state"] == JobState.DONE, row["error"]
    return row["result"]


def test_every_label_is_there_once_and_no_candidate(decided, tmp_path) -> None:
    result = exported(decided, tmp_path / "labels.csv")
    frame = pd.read_csv(tmp_path / "labels.csv")
    assert set(frame.columns) == COLUMNS
    assert frame["position"].tolist() == [*range(40), 60, 61, 62, 63, 64, small_project.POOL]
    assert result["rows"] == len(frame)


def test_sources_rounds_and_confidences_belong_together(decided, tmp_path) -> None:
    found = propose(decided, None, threshold=0.0).predictions
    exported(decided, tmp_path / "labels.parquet")
    frame = pd.read_parquet(tmp_path / "labels.parquet").set_index("position")
    accepted = frame[frame["source"] == "accepted"]
    assert accepted.index.tolist() == [60, 61, 62]
    assert accepted["round"].tolist() == [1, 1, 1]
    best = found.probabilities[[60, 61, 62]]
    assert accepted["class"].tolist() == [str(each) for each in best.argmax(axis=1)]
    assert np.allclose(accepted["confidence"], best.max(axis=1))
    others = frame[frame["source"] != "accepted"]
    assert others["round"].isna().all()
    assert others["confidence"].isna().all()
    assert frame.loc[63, ["class", "source"]].tolist() == ["3", "expert"]
    assert frame.loc[64, ["class", "source"]].tolist() == ["4", "adjudicated"]
    assert frame.loc[small_project.POOL, "split"] == "test"
    assert (frame["reader"] == "Ann").all()


def test_every_row_names_the_event_that_decided_it(decided, tmp_path) -> None:
    exported(decided, tmp_path / "labels.csv")
    frame = pd.read_csv(tmp_path / "labels.csv")
    events = {event.number: event for event in small_project.log(decided)}
    for row in frame.itertuples():
        event = events[row.event]
        about = [event.position] if event.members is None else event.members.tolist()
        assert row.position in about


def test_the_folder_holds_each_image_under_its_class(decided, tmp_path) -> None:
    result = exported(decided, tmp_path / "out")
    files = {path.parent.name for path in (tmp_path / "out" / "images").glob("*/*.png")}
    table = pd.read_csv(tmp_path / "out" / "labels.csv")
    assert files == set(table["class"].astype(str))
    assert all((tmp_path / "out" / name).exists() for name in table["file"])
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["snapshot"] == result["snapshot"]
    assert manifest["sources"] == {"accepted": 3, "adjudicated": 1, "expert": 42}


def test_a_decision_between_order_and_execution_loses_no_row(decided, tmp_path) -> None:
    job_id = export(decided, None, tmp_path / "labels.csv")
    decisions.label(decided, None, 0, "9")
    assert small_project.finish(decided, job_id)["state"] == JobState.DONE
    frame = pd.read_csv(tmp_path / "labels.csv").set_index("position")
    assert frame.loc[0, "class"] == 9
    assert len(frame) == 46


def test_a_retired_class_is_not_exported(decided, tmp_path) -> None:
    from sslapp.store import projects

    with writing(decided.engine) as conn:
        projects.retire_class(conn, 1, projects.classes(conn, 1)[3].id)
    exported(decided, tmp_path / "labels.csv")
    frame = pd.read_csv(tmp_path / "labels.csv")
    assert 3 not in frame["class"].tolist()
    assert set(frame["class"]) == set(range(10)) - {3}


def test_a_label_accepted_in_an_old_round_keeps_that_rounds_confidence(decided, tmp_path) -> None:
    first = propose(decided, None, threshold=0.0).predictions.probabilities[60].max()
    start_round(decided, None, method="supervised", config=small_project.TINY_SUPERVISED, seed=9)
    small_project.run_jobs(decided)
    (event,) = decisions.accept(decided, None, [70])
    exported(decided, tmp_path / "labels.csv")
    frame = pd.read_csv(tmp_path / "labels.csv").set_index("position")
    assert frame.loc[[60, 70], "round"].tolist() == [1, 2]
    assert frame.loc[60, "confidence"] == pytest.approx(first)
    assert frame.loc[70, "confidence"] == pytest.approx(event.payload["confidence"], abs=1e-5)


@pytest.mark.parametrize("name", ["labels.csv", "labels.parquet", "out"])
def test_an_export_killed_after_writing_is_finished_by_the_next_attempt(
    name, decided, tmp_path
) -> None:
    job_id = export(decided, None, tmp_path / name)
    small_project.run_jobs(decided)
    with writing(decided.engine) as conn:  # as the kill before the last commit leaves it
        values = {"state": JobState.QUEUED, "result": None}
        conn.execute(job.update().where(job.c.id == job_id).values(values))
    row = small_project.finish(decided, job_id)
    assert (row["state"], row["attempt"], row["error"]) == (JobState.DONE, 2, None)


def test_an_existing_target_and_an_unknown_ending_are_refused(decided, tmp_path) -> None:
    (tmp_path / "there.csv").write_text("mine")
    with pytest.raises(ValueError, match="exists already"):
        export(decided, None, tmp_path / "there.csv")
    with pytest.raises(ValueError, match=r"end it in \.csv or \.parquet"):
        export(decided, None, tmp_path / "labels.xlsx")
    assert (tmp_path / "there.csv").read_text() == "mine"


def test_a_folder_that_appears_meanwhile_is_not_touched(decided, tmp_path) -> None:
    job_id = export(decided, None, tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    row = small_project.finish(decided, job_id)
    assert row["state"] == JobState.FAILED
    assert "exists already" in row["error"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]
