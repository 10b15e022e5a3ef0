"""Labels counted by class, kept up with the log and equal to counting them anew."""

from collections import Counter

import numpy as np
import pytest

from sslapp.store import label_classes
from sslapp.store.database import reading
from sslapp.store.state import load_state
from sslapp.usecases.labelling import decisions, label_counts, picks, verdicts
from sslapp.usecases.projects.classes import retire_class
from sslapp.usecases.reviewing import bulk_decisions
from sslapp.vocabulary import Source


def counted(access) -> label_counts.LabelCounts:
    with reading(access.engine) as conn:
        return label_counts.label_counts(access.engine, conn, 1)


def by_hand(access) -> tuple[dict[int, int], dict[int, int], int]:
    """Labels and judged labels of classes in use, and the holdout's size, from the whole state."""
    with reading(access.engine) as conn:
        state = load_state(conn, 1)
    labelled = state.labels >= 0
    judged = labelled & state.holdout & (state.source != Source.ACCEPTED)

    def per_class(mask):
        return dict(Counter(state.class_ids[state.labels[mask]].tolist()))

    return per_class(labelled), per_class(judged), int(state.holdout.sum())


def same(access) -> None:
    with reading(access.engine) as conn:
        live = {each.id for each in label_classes.classes(conn, 1)}
    found = counted(access)
    labels, judged, holdout = by_hand(access)
    assert {each: n for each, n in found.labels.items() if n and each in live} == labels
    assert {each: n for each, n in found.judged.items() if n and each in live} == judged
    assert found.holdout == holdout


@pytest.fixture(params=["kept", "anew"])
def access(reviewed, request, monkeypatch):
    """The project, with counts that are kept up or made anew after every event."""
    if request.param == "anew":
        monkeypatch.setattr(label_counts, "REREAD", 0)
    return reviewed


def test_the_counts_follow_every_decision(access) -> None:
    same(access)
    label = decisions.label(access, None, 60, "3")
    same(access)
    again = decisions.label(access, None, 60, "4")
    same(access)
    for number in (again.number, label.number):
        undo = decisions.undo(access, None, number)
        same(access)
    decisions.undo(access, None, undo.number)  # an undo of an undo names no image itself
    same(access)
    verdicts.accept(access, None, [61])
    verdicts.relabel(access, None, 62, "5")
    verdicts.reject(access, None, 63)
    same(access)
    bulk = bulk_decisions.bulk_accept(access, None, np.arange(70, 80), unproven=True)
    same(access)
    decisions.undo(access, None, bulk.number)
    same(access)
    picks.next_images(access, None, 12)  # draws some for the holdout
    same(access)
    for position in np.flatnonzero(state_of(access).holdout):
        decisions.label(access, None, int(position), "1")
    same(access)
    retire_class(access, None, "3")
    same(access)


def state_of(access):
    with reading(access.engine) as conn:
        return load_state(conn, 1)


def test_a_view_from_before_the_last_decision_is_counted_as_it_is(reviewed) -> None:
    with reading(reviewed.engine) as earlier:
        before = label_counts.label_counts(reviewed.engine, earlier, 1).labels.total()
        decisions.label(reviewed, None, 60, "3")
        assert counted(reviewed).labels.total() == before + 1
        now = label_counts.label_counts(reviewed.engine, earlier, 1).labels.total()
        assert now == before
    assert counted(reviewed).labels.total() == before + 1


def test_only_the_images_that_events_name_are_read_again(reviewed, monkeypatch) -> None:
    counted(reviewed)
    asked = []
    rows = label_counts.labels.label_rows

    def watched(conn, project_id, positions=None):
        asked.append(None if positions is None else positions.tolist())
        return rows(conn, project_id, positions)

    monkeypatch.setattr(label_counts.labels, "label_rows", watched)
    decisions.label(reviewed, None, 60, "3")
    counted(reviewed)
    counted(reviewed)
    assert asked == [[60]]
