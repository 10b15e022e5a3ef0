"""The history of decisions: who, what, when; filters, pages, and what can be taken back."""

from datetime import timedelta

import numpy as np
import pytest
import small_project
from sqlalchemy import event as sql_event

from sslapp.store.database import reading
from sslapp.store.errors import Unknown
from sslapp.store.log.decisions import images_of_decision
from sslapp.usecases.access import enter
from sslapp.usecases.labelling import decisions, verdicts
from sslapp.usecases.people.members import grant
from sslapp.usecases.reviewing.board import read_board
from sslapp.usecases.reviewing.bulk_decisions import bulk_accept, bulk_label, own_bulks
from sslapp.usecases.reviewing.past_decisions import Action, past_decisions, who_decided
from sslapp.usecases.reviewing.queue import Choice, positions
from sslapp.vocabulary import EventKind, Role


@pytest.fixture
def decided(reviewed):
    """Ann and Bob decide: Ann accepts 30 images, labels 3 as a grid and one; Bob rejects one."""
    grant(reviewed, None, "Bob", Role.READER)
    bob = enter(reviewed.workspace, "Bob")
    some = read_board(reviewed, 1).proposals.positions
    accepted = bulk_accept(reviewed, None, some[:30], round_number=1, unproven=True)
    grid = bulk_label(reviewed, None, some[40:43], "3", payload={"round": 1}, seen_in_grid=3)
    single = decisions.label(reviewed, None, int(some[50]), "4")
    rejected = verdicts.reject(bob, None, int(some[60]), "5")
    undo = decisions.undo(reviewed, None, single.number)
    yield reviewed, bob, (accepted, grid, single, rejected, undo)
    bob.engine.dispose()


def test_the_newest_come_first_with_who_what_and_how_many(decided) -> None:
    access, bob, made = decided
    found = past_decisions(access, None, limit=5)
    assert [each.number for each in found] == [each.number for each in reversed(made)]
    undo, rejected, single, grid, accepted = found
    assert (undo.target, undo.images, undo.undone) == (single.number, 0, False)
    assert (rejected.reader, rejected.class_name, rejected.round_number) == ("Bob", "5", 1)
    assert rejected.why_it_stays == "Only Bob can take it back."
    assert (single.undone, single.why_it_stays) == (True, "It is undone.")
    assert (grid.verb, grid.images, grid.class_name, grid.known) == (
        "Labelled",
        3,
        "3",
        "seen as a grid",
    )
    assert (accepted.images, accepted.class_name, accepted.round_number) == (30, None, 1)
    assert accepted.known.startswith("unproven: nothing is known of how many of these 30 labels")
    assert accepted.known.endswith("of 6 holdout images were right")
    assert own_bulks(access, 1)[1].known == accepted.known
    assert past_decisions(bob, None, limit=2)[1].why_it_stays == ""


def test_filters_narrow_and_pages_follow_one_another(decided) -> None:
    access, _, (accepted, grid, _, rejected, undo) = decided

    def numbers(**sought) -> list[int]:
        return [each.number for each in past_decisions(access, None, **sought)]

    assert who_decided(access, None) == ["Ann", "Bob"]
    assert numbers(reader="Bob") == [rejected.number]
    assert numbers(action=Action.BULK) == [grid.number, accepted.number]
    assert numbers(action=Action.UNDO) == [undo.number]
    assert numbers(class_name="5", reader="Bob") == [rejected.number]
    assert grid.number in numbers(class_name="3", action=Action.BULK)
    assert numbers(since=rejected.at, limit=9) == [undo.number, rejected.number]
    assert numbers(since=rejected.at, until=rejected.at + timedelta(microseconds=1)) == [
        rejected.number
    ]
    everything = numbers(limit=500)
    first, second = numbers(limit=3), numbers(limit=3, before=everything[2])
    assert first + second == everything[:6]
    with pytest.raises(ValueError, match="Cid has decided nothing"):
        past_decisions(access, None, reader="Cid")
    with pytest.raises(ValueError, match="no class cat"):
        past_decisions(access, None, class_name="cat")


def test_members_are_counted_and_never_read(decided) -> None:
    access, *_ = decided
    asked: list[str] = []
    sql_event.listen(
        access.engine, "before_cursor_execute", lambda *given: asked.append(given[2].lower())
    )
    past_decisions(access, None)
    (query,) = [each for each in asked if "event.members" in each]
    assert query.count("members") == 1
    assert "length(event.members)" in query


def test_a_decisions_images_are_selected_again_as_they_stand(decided) -> None:
    access, _, (accepted, grid, single, _, undo) = decided
    board = read_board(access, 1)
    for made in (accepted, grid):
        found = positions(access, 1, board, Choice(event=made.number))
        np.testing.assert_array_equal(found, made.members)
        assert (board.labels[found] >= 0).all()
    for number in (single.number, undo.number):
        assert positions(access, 1, board, Choice(event=number)).tolist() == [single.position]
    importing = next(e for e in small_project.log(access) if e.kind is EventKind.IMPORT)
    with reading(access.engine) as conn, pytest.raises(Unknown, match="no decision about images"):
        images_of_decision(conn, 1, importing.number)
