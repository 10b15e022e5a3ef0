"""None of these, said at a desk: it leaves the pool, is an answer of the holdout, is exported."""

import pandas as pd
import pytest
import small_project

from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.log.audits import blind_answers
from sslapp.store.snapshots import freeze
from sslapp.store.state import load_state
from sslapp.usecases.access import enter
from sslapp.usecases.exporting.exports import export
from sslapp.usecases.exporting.table import ALL_SOURCES, export_counts, first_rows
from sslapp.usecases.labelling import decisions, offers, outbox, picks, tally
from sslapp.usecases.people.members import grant
from sslapp.usecases.projects.classes import add_class
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.usecases.reporting.report import gather
from sslapp.vocabulary import EventKind, JobState, Role, Source

CLIENT = "a-page-of-ann"
NOW = 1_700_000_000_000.0


def said(seq: int, position: int, **more) -> dict:
    """What a desk's page sends when `n` is pressed."""
    image = {"position": position, "image": small_project.image_hash(position)}
    times = {"painted_at": NOW, "pressed_at": NOW + 60}
    return {"seq": seq, "kind": "none", **image, **times, **more}


def state(access):
    with reading(access.engine) as conn:
        return load_state(conn, 1)


def test_a_page_says_it_of_the_image_on_screen_and_takes_it_back(project) -> None:
    receipt = outbox.ingest(project, None, CLIENT, [said(1, 60), said(2, 0, strategy="auto")])
    assert not receipt.refused
    made = small_project.log(project)[-2:]
    assert [each.kind for each in made] == [EventKind.NONE] * 2
    assert len(made[0].member_classes) == 10
    assert made[0].payload["sight"] == "nothing"
    assert state(project).none_of_these.tolist() == [0, 60]  # image 0 had a label
    assert [each.kind for each in tally.decided(project, None)][:2] == [EventKind.NONE] * 2
    undo = {"seq": 3, "kind": "undo", "of": f"{CLIENT}:2", "pressed_at": NOW}
    assert not outbox.ingest(project, None, CLIENT, [undo]).refused
    assert state(project).none_of_these.tolist() == [60]
    assert state(project).labels[0] >= 0
    decisions.label(project, None, 60, "3")
    assert status(project).counts["none_of_these"] == 0
    assert small_project.damage(project) is None


def test_what_is_said_beside_a_prediction_measures_nothing(reviewed) -> None:
    held = next(p for p in range(small_project.LABELLED) if p % 6 == 5)
    items = [said(1, 60, round=1), said(2, held, round=1), said(3, small_project.POOL, round=1)]
    receipt = outbox.ingest(reviewed, None, CLIENT, items)
    assert list(receipt.acked) == [1]
    assert "belongs to the holdout" in receipt.refused[2]
    assert "belongs to the test split" in receipt.refused[3]
    made = small_project.log(reviewed)[-1]
    assert (made.payload["sight"], made.round_id) == ("suggestion", 1)
    with reading(reviewed.engine) as conn:
        assert not [each for each in blind_answers(conn, 1, 0) if each.number == made.number]


def test_the_report_counts_it_as_a_rejection_of_what_the_round_proposed(reviewed) -> None:
    outbox.ingest(reviewed, None, CLIENT, [said(1, 60, round=1)])
    probabilities, _ = small_project.published(reviewed)
    with reading(reviewed.engine) as conn:
        found = gather(conn, reviewed.workspace, 1)
    proposed = found.classes[probabilities[60].argmax()].id
    (judged,) = found.verdicts
    assert {c: line.rejected for c, line in judged.by_class.items()} == {proposed: 1}
    assert found.counts["none_of_these"] == 1


def test_whose_label_it_outvotes_is_said(project) -> None:
    grant(project, None, "Bob", Role.READER)
    bob = enter(project.workspace, "Bob")
    receipt = outbox.ingest(bob, None, "a-page-of-bob", [said(1, 0), said(2, 60)])
    assert [(each.position, each.reader) for each in receipt.conflicts] == [(0, "Ann")]
    bob.engine.dispose()


def test_it_is_an_answer_of_the_holdout_and_no_row_of_it(project) -> None:
    waiting = next(p.position for p in picks.next_images(project, None, 5) if p.holdout)
    assert waiting in [p.position for p in picks.next_images(project, None, 1, strategy="holdout")]
    decisions.none_of_these(project, None, [waiting])
    assert waiting not in [p.position for p in picks.next_images(project, None, 20)]
    found = state(project)
    assert waiting in found.none_of_these
    assert waiting not in found.validation
    add_class(project, None, "eleventh")
    assert waiting in [p.position for p in picks.next_images(project, None, 20)]


def test_another_readers_page_hears_that_it_is_gone(project) -> None:
    grant(project, None, "Bob", Role.READER)
    bob = enter(project.workspace, "Bob")
    offered = [each.position for each in offers.refill(project, None, count=3).items]
    decisions.none_of_these(bob, None, [offered[1]])
    assert offers.keep(project, None, offered) == [offered[1]]
    bob.engine.dispose()


def test_a_project_without_classes_has_none_to_rule_out(project) -> None:
    empty = create_project(project, "empty")
    with pytest.raises(Refused, match="no class yet"):
        decisions.none_of_these(project, empty, [0])


def test_it_is_in_every_export_with_reader_and_event(project, tmp_path) -> None:
    before = first_rows(project, 1, ALL_SOURCES, 100)
    first, second = (each.number for each in decisions.none_of_these(project, None, [0, 61]))
    frame = first_rows(project, 1, ALL_SOURCES, 100)
    assert (frame.dtypes == before.dtypes).all()
    assert len(frame) == len(before) + 1  # image 0 is there in place of its label
    found = frame.set_index("position").loc[[0, 61]]
    assert found["class"].isna().all()
    assert set(found["source"]) == {"none of these"}
    assert found["event"].tolist() == [first, second]
    assert set(found["reader"]) == {"Ann"}
    assert frame["position"].is_monotonic_increasing
    assert len(first_rows(project, 1, ALL_SOURCES, 8)) == 8
    assert first_rows(project, 1, [Source.ADJUDICATED], 8).empty
    counts = export_counts(project, 1)
    assert (counts.none_of_these, counts.unfitting([Source.ACCEPTED])) == (2, 0)

    for name in ("labels.csv", "labels.parquet", "out", "out.zip"):
        job = small_project.finish(project, export(project, None, tmp_path / name))
        assert job["state"] == JobState.DONE, job["error"]
        assert job["result"]["sources"]["none of these"] == 2
    csv, parquet = (
        pd.read_csv(tmp_path / "labels.csv"),
        pd.read_parquet(tmp_path / "labels.parquet"),
    )
    for table in (csv, parquet):
        assert table.set_index("position").loc[61, "source"] == "none of these"
    assert len(list((tmp_path / "out" / "none_of_these").iterdir())) == 2
    assert not list((tmp_path / "out" / "images").glob("*/061_*"))


def test_a_snapshot_counts_it_and_is_the_former_one_when_it_is_taken_back(project) -> None:
    with writing(project.engine) as conn:
        before = freeze(conn, project.workspace, 1)
    (event,) = decisions.none_of_these(project, None, [60])
    with writing(project.engine) as conn:
        changed = freeze(conn, project.workspace, 1)
    assert changed.counts["none_of_these"] == 1
    assert changed.counts["pool"] == before.counts["pool"] - 1
    decisions.undo(project, None, event.number)
    with writing(project.engine) as conn:
        assert freeze(conn, project.workspace, 1).hash == before.hash
