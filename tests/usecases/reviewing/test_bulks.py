"""Bulk decisions about a selection: the right images, one event, and one undo that restores."""

import json
import re

import numpy as np
import pytest
import small_project

from sslapp.store.database import reading
from sslapp.store.errors import KeyReused, Refused
from sslapp.store.state import load_state
from sslapp.usecases.access import enter
from sslapp.usecases.labelling import decisions
from sslapp.usecases.people.members import grant
from sslapp.usecases.projects.classes import retire_class
from sslapp.usecases.reviewing import bulk_decisions
from sslapp.usecases.reviewing.board import read_board
from sslapp.usecases.reviewing.bulk_decisions import BulkAction, decide, own_bulks
from sslapp.usecases.reviewing.queue import Choice, selected
from sslapp.vocabulary import EventKind, Role, Source

RING = ((-0.6, -0.6), (0.5, -0.6), (0.5, 0.7), (-0.6, 0.4))
CHOICE = Choice(rings=(RING,), threshold=0.6)


@pytest.fixture
def board(reviewed):
    return read_board(reviewed, 1)


@pytest.fixture
def chosen(board):
    return selected(board, CHOICE)


def standing(access):
    with reading(access.engine) as conn:
        return load_state(conn, 1)


def act(access, board, chosen, action, **about):
    request = {"choice": CHOICE, "seen": board, "now": board, "unproven": True, **about}
    return decide(access, 1, chosen.positions, action, **request)


def test_accepting_gives_each_image_its_proposed_class_and_undo_takes_it_back(
    reviewed, board, chosen
) -> None:
    before = standing(reviewed)
    out = chosen.positions[[1, 3]].tolist()
    done = act(reviewed, board, chosen, BulkAction.ACCEPT, excluded=out, opened=4, key="browser:1")
    now = standing(reviewed)
    taken = np.flatnonzero(now.source == Source.ACCEPTED)
    assert taken.tolist() == sorted(set(chosen.positions.tolist()) - set(out))
    column = dict(zip(chosen.positions.tolist(), chosen.columns.tolist(), strict=True))
    assert [now.labels[each] for each in taken] == [column[each] for each in taken.tolist()]
    assert (done.images, done.decided_meanwhile) == (len(taken), 0)
    assert done.event.key == "browser:1"
    known = f"Nothing is known of how many of these {len(taken)} labels are right."
    payload = dict(done.event.payload)
    assert re.fullmatch(f"{known} \\d of 6 holdout images were right.", payload.pop("unproven"))
    assert payload == {**CHOICE.payload(board), "opened": 4}
    assert now.reader_actions == before.reader_actions + 5

    decisions.undo(reviewed, None, done.event.number)
    after = standing(reviewed)
    np.testing.assert_array_equal(after.labels, before.labels)
    np.testing.assert_array_equal(after.source, before.source)
    again = selected(read_board(reviewed, 1), CHOICE)
    np.testing.assert_array_equal(again.positions, chosen.positions)


def test_withholding_takes_candidates_off_the_list_and_labels_nothing(
    reviewed, board, chosen
) -> None:
    done = act(reviewed, board, chosen, BulkAction.WITHHOLD)
    now = read_board(reviewed, 1)
    assert now.withheld.tolist() == sorted(chosen.positions.tolist())
    assert len(selected(now, CHOICE)) == 0
    np.testing.assert_array_equal(now.labels, board.labels)
    assert done.event.kind is EventKind.BULK_WITHHOLD


def test_relabelling_gives_all_images_the_one_class(reviewed, board, chosen) -> None:
    act(reviewed, board, chosen, BulkAction.RELABEL, class_name=board.classes[7].name)
    now = read_board(reviewed, 1)
    assert (now.labels[chosen.positions] == 7).all()
    with pytest.raises(ValueError, match="needs a class"):
        act(reviewed, board, chosen, BulkAction.RELABEL)


def test_images_decided_meanwhile_stay_as_they_were_decided(reviewed, board, chosen) -> None:
    theirs = int(chosen.positions[0])
    decisions.label(reviewed, None, theirs, board.classes[9].name)
    done = decide(
        reviewed,
        1,
        chosen.positions,
        BulkAction.ACCEPT,
        choice=CHOICE,
        seen=board,
        now=read_board(reviewed, 1),
        unproven=True,
    )
    assert (done.images, done.decided_meanwhile) == (len(chosen) - 1, 1)
    now = standing(reviewed)
    assert now.labels[theirs] == 9
    assert now.source[theirs] == Source.EXPERT


def test_nothing_is_stored_when_nothing_is_left(reviewed, board, chosen) -> None:
    before = len(small_project.log(reviewed))
    with pytest.raises(ValueError, match="Nothing is selected"):
        act(reviewed, board, chosen, BulkAction.ACCEPT, excluded=chosen.positions.tolist())
    assert len(small_project.log(reviewed)) == before


def test_the_same_key_is_the_same_decision(reviewed, board, chosen) -> None:
    first = act(reviewed, board, chosen, BulkAction.WITHHOLD, key="browser:7")
    second = act(reviewed, board, chosen, BulkAction.WITHHOLD, key="browser:7")
    assert first.event.number == second.event.number


@pytest.mark.parametrize("action", BulkAction)
def test_a_repeated_key_gives_the_first_event_whatever_was_decided_since(
    reviewed, board, chosen, action
) -> None:
    theirs = int(chosen.positions[2])
    decisions.label(reviewed, None, theirs, board.classes[9].name)
    about = {"key": "browser:7", "excluded": [int(chosen.positions[0])], "opened": 1}
    if action.value.endswith("label"):
        about["class_name"] = board.classes[7].name

    def send(seen, positions=chosen.positions, **changes):
        now = read_board(reviewed, 1)
        request = {"choice": CHOICE, "seen": seen, "now": now, "unproven": True, **about, **changes}
        return decide(reviewed, 1, positions, action, **request)

    first = send(board)
    assert first.decided_meanwhile == 1
    decisions.label(reviewed, None, int(chosen.positions[1]), board.classes[9].name)
    events = len(small_project.log(reviewed))
    again = send(board)
    assert (again.event.number, again.images) == (first.event.number, first.images)
    assert again.decided_meanwhile == 1
    now = read_board(reviewed, 1)
    late = send(now, selected(now, CHOICE).positions)
    assert late.event.number == first.event.number
    assert len(small_project.log(reviewed)) == events
    others = [
        {"opened": 2},
        {"excluded": [int(chosen.positions[1])]},
        {"choice": Choice(threshold=0.6)},
    ]
    for other in others:
        with pytest.raises(KeyReused, match="with another content"):
            send(board, **other)
    more = np.append(chosen.positions, board.rest(0.6).positions[0])
    for positions in (chosen.positions[:4], more):
        with pytest.raises(KeyReused, match="with another content"):
            send(board, positions)
    assert len(small_project.log(reviewed)) == events
    retire_class(reviewed, 1, board.classes[7].name)
    assert send(board).event.number == first.event.number


def test_a_key_is_no_other_readers_and_no_other_kinds(reviewed, board, chosen) -> None:
    act(reviewed, board, chosen, BulkAction.ACCEPT, key="browser:7")
    with pytest.raises(KeyReused):
        act(reviewed, board, chosen, BulkAction.WITHHOLD, key="browser:7")
    grant(reviewed, None, "Bob", Role.READER)
    bob = enter(reviewed.workspace, "Bob")
    with pytest.raises(KeyReused):
        act(bob, board, chosen, BulkAction.ACCEPT, key="browser:7")
    bob.engine.dispose()
    decisions.label(reviewed, None, 60, board.classes[9].name, key="browser:8")
    with pytest.raises(KeyReused):
        act(reviewed, board, chosen, BulkAction.ACCEPT, key="browser:8")


@pytest.mark.parametrize("name", ["bulk_accept", "withhold", "bulk_relabel"])
def test_bulk_commands_find_their_key_before_they_look_at_the_images(reviewed, name) -> None:
    command = getattr(bulk_decisions, name)
    extra = ["3"] if name == "bulk_relabel" else []
    about = {"unproven": True} if name == "bulk_accept" else {}
    first = command(reviewed, None, [60, 61], *extra, round_number=1, key="k", **about)
    decisions.label(reviewed, None, 60, "4")
    again = command(reviewed, None, [61, 60], *extra, round_number=1, key="k", **about)
    assert again.number == first.number
    for other in ({"round_number": 2}, {"round_number": 1, "opened": 1}):
        with pytest.raises(KeyReused):
            command(reviewed, None, [60, 61], *extra, key="k", **about, **other)
    with pytest.raises(KeyReused):
        command(reviewed, None, [60], *extra, round_number=1, key="k", **about)


def test_a_reader_sees_and_undoes_only_their_own_bulk_decisions(reviewed, board, chosen) -> None:
    grant(reviewed, None, "Bob", Role.READER)
    bob = enter(reviewed.workspace, "Bob")
    accepted = act(reviewed, board, chosen, BulkAction.ACCEPT)
    withheld = decide(
        bob,
        1,
        board.rest(0.6).positions,
        BulkAction.WITHHOLD,
        choice=Choice(),
        seen=board,
        now=board,
    )
    (mine,) = own_bulks(reviewed, 1)
    assert (mine.number, mine.kind, mine.images, mine.round_number, mine.undone) == (
        accepted.event.number,
        EventKind.BULK_ACCEPT,
        len(chosen),
        1,
        False,
    )
    (his,) = own_bulks(bob, 1)
    assert his.number == withheld.event.number
    with pytest.raises(Refused):
        decisions.undo(bob, None, accepted.event.number)
    undone = decisions.undo(reviewed, None, accepted.event.number)
    assert own_bulks(reviewed, 1)[0].undone
    decisions.undo(reviewed, None, undone.number)
    assert not own_bulks(reviewed, 1)[0].undone
    bob.engine.dispose()


def test_the_newest_come_first_and_the_list_ends(reviewed, board) -> None:
    names = [each.name for each in board.classes]
    for row in range(4):
        bulk_decisions.bulk_relabel(reviewed, None, board.proposals.positions[[row]], names[row])
    found = own_bulks(reviewed, 1, limit=3)
    assert [each.class_name for each in found] == [names[3], names[2], names[1]]
    assert json.dumps([each.round_number for each in found]) == "[null, null, null]"
