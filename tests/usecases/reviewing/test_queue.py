"""What a choice selects, and in which order it is looked at."""

import itertools

import numpy as np
import pytest
import small_project

from sslapp.review.evidence import disagreement, evidence
from sslapp.review.selection import inside
from sslapp.store.database import reading
from sslapp.store.rounds import finished_round
from sslapp.usecases.images.similar import similar
from sslapp.usecases.labelling import verdicts
from sslapp.usecases.reviewing import bulk_decisions, queue
from sslapp.usecases.reviewing.board import flipped, previous_columns, read_board
from sslapp.usecases.reviewing.queue import Choice, Queue, Show, ordered, positions, selected
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import Space

MEMBERS_FIRST = Choice(threshold=0.0, queue=Queue.MEMBERS)
RING = ((-0.6, -0.6), (0.5, -0.6), (0.5, 0.7), (-0.6, 0.4))


@pytest.fixture
def board(reviewed):
    return read_board(reviewed, 1)


@pytest.mark.parametrize("show", Show)
def test_a_lasso_selects_what_lies_inside_and_belongs_to_the_part_shown(board, show) -> None:
    limit = float(np.median(board.proposals.confidence))
    found = selected(board, Choice(rings=(RING,), threshold=limit, show=show))
    within = inside(np.array(RING), board.xy)
    expected = [
        position
        for position, sure in zip(
            board.proposals.positions.tolist(), board.proposals.confidence, strict=True
        )
        if within[position]
        and (show is Show.ALL or (sure >= np.float32(limit)) == (show is Show.CHALLENGERS))
    ]
    assert found.positions.tolist() == expected
    assert 0 < len(expected) < len(board.proposals)


def test_one_image_alone_is_selected_only_while_it_is_open(reviewed, board) -> None:
    doubtful = int(board.proposals.positions[0])
    choice = Choice(rings=(RING,), threshold=1.0, image=doubtful)
    assert selected(board, choice).positions.tolist() == [doubtful]
    bulk_decisions.bulk_accept(reviewed, None, np.array([doubtful]), unproven=True)
    assert len(selected(read_board(reviewed, 1), choice)) == 0
    for far in (len(board), 10**12):
        assert len(selected(board, Choice(image=far))) == 0


def test_nothing_is_selected_unless_an_image_is_pointed_at(board) -> None:
    nothing = Choice(threshold=0.0, nothing=True)
    assert len(selected(board, nothing)) == 0
    assert not nothing.is_all_candidates
    assert nothing.digest(board) == Choice(threshold=0.0).digest(board), "the sheet stays"
    one = int(board.proposals.positions[0])
    assert selected(board, Choice(nothing=True, image=one)).positions.tolist() == [one]


def test_every_order_holds_the_same_images(reviewed, board) -> None:
    found = selected(board, Choice(threshold=0.0))
    for order in Queue:
        assert sorted(ordered(reviewed, 1, board, found, order)) == sorted(found.positions)


def test_a_random_order_stays_while_a_page_is_turned(reviewed, board) -> None:
    found = selected(board, Choice(threshold=0.0))
    once = ordered(reviewed, 1, board, found, Queue.RANDOM)
    np.testing.assert_array_equal(once, ordered(reviewed, 1, board, found, Queue.RANDOM))
    assert once.tolist() != found.positions.tolist()


def test_images_against_which_the_experts_labels_speak_come_first(reviewed, board) -> None:
    from sslapp import durable
    from sslapp.embedding.index import NeighbourIndex

    with reading(reviewed.engine) as conn:
        stored = finished_round(conn, 1, 1).features
    index = NeighbourIndex(np.array(durable.read_array(reviewed.workspace.path(stored))))
    found = selected(board, Choice(threshold=0.0))
    known = np.flatnonzero(board.expert & ~board.blind)
    about = evidence(index, found.positions, known, board.labels.astype(np.int64), k=5)
    against = disagreement(about, found.columns)
    order = ordered(reviewed, 1, board, found, Queue.DISAGREEMENT)
    expected = found.positions[np.argsort(-against, kind="stable")]
    np.testing.assert_array_equal(order, expected)
    assert against.max() > against.min()


def test_beyond_the_images_compared_the_doubtful_ones_follow(reviewed, board, monkeypatch) -> None:
    monkeypatch.setattr(queue, "COMPARED", 10)
    found = selected(board, Choice(threshold=0.0))
    order = ordered(reviewed, 1, board, found, Queue.DISAGREEMENT)
    assert set(order[:10]) == set(found.positions[:10])
    np.testing.assert_array_equal(order[10:], found.positions[10:])


def test_flipped_images_come_first_and_doubtful_ones_first_among_them(reviewed, board) -> None:
    found = selected(board, Choice(threshold=0.0))
    order = ordered(reviewed, 1, board, found, Queue.FLIPPED)
    np.testing.assert_array_equal(order, found.positions)  # there is no earlier round
    options = {**small_project.TINY_SUPERVISED, "steps": 5}
    start_round(reviewed, None, method="supervised", config=options, seed=1)
    small_project.run_jobs(reviewed)
    second = read_board(reviewed, 1)
    changed = flipped(second, previous_columns(reviewed, 1, second))
    found = selected(second, Choice(threshold=0.0))
    order = ordered(reviewed, 1, second, found, Queue.FLIPPED)
    count = int(changed[found.positions].sum())
    assert 0 < count < len(found)
    assert changed[order[:count]].all() and not changed[order[count:]].any()
    rank = {position: i for i, position in enumerate(found.positions.tolist())}
    for part in (order[:count], order[count:]):
        places = [rank[position] for position in part.tolist()]
        assert places == sorted(places)


def test_images_on_which_members_differ_come_first(ensembled) -> None:
    board = read_board(ensembled, 1)
    assert board.members.names == ("linear probe", "prototypes", "label propagation")
    found = selected(board, Choice(threshold=0.0))
    assert len(found) == small_project.POOL - small_project.LABELLED
    with reading(ensembled.engine) as conn:
        members = finished_round(conn, 1, 1).read_members(ensembled.workspace)
    said = members.probabilities[found.positions].astype(np.float64)
    mean = said.mean(axis=1)
    joint, single = (-(p * np.log(np.maximum(p, 1e-12))).sum(-1) for p in (mean, said))
    apart = joint - single.mean(axis=1)
    order = ordered(ensembled, 1, board, found, Queue.MEMBERS)
    rank = {position: apart[row] for row, position in enumerate(found.positions.tolist())}
    falling = [rank[each] for each in order.tolist()]
    assert falling[0] == apart.max() > falling[-1] + 0.1
    assert all(a >= b - 1e-3 for a, b in itertools.pairwise(falling))
    np.testing.assert_array_equal(positions(ensembled, 1, board, MEMBERS_FIRST), order)


def test_what_members_said_is_read_once_for_all_orders_of_a_board(ensembled) -> None:
    board = read_board(ensembled, 1)
    order = positions(ensembled, 1, board, MEMBERS_FIRST)
    with reading(ensembled.engine) as conn:
        stored = ensembled.workspace.path(finished_round(conn, 1, 1).members)
    stored.write_bytes(bytes(stored.stat().st_size))  # the memory map shows what is there now
    assert not board.members.probabilities.any()
    again = positions(ensembled, 1, board, MEMBERS_FIRST)
    np.testing.assert_array_equal(again, order)
    assert (np.diff(board.divergence[again]) <= 0).all()
    assert not board.divergence[np.setdiff1d(np.arange(len(board)), again)].any()


def test_a_ruled_out_class_parts_the_members_no_longer(ensembled) -> None:
    board = read_board(ensembled, 1)
    first = positions(ensembled, 1, board, MEMBERS_FIRST)[:1]
    before = board.divergence[first]
    for column in range(8):
        verdicts.reject(ensembled, None, int(first[0]), str(column))
    board = read_board(ensembled, 1)
    assert board.divergence[first] != before
    verdicts.reject(ensembled, None, int(first[0]), "8")  # one class is left
    board = read_board(ensembled, 1)
    assert board.divergence[first].tolist() == [0]


def test_a_round_without_members_comes_in_the_usual_order(reviewed, board) -> None:
    assert board.members is None
    assert board.divergence is None
    found = selected(board, Choice(threshold=0.0))
    order = ordered(reviewed, 1, board, found, Queue.MEMBERS)
    np.testing.assert_array_equal(order, found.positions)


def test_images_like_one_are_open_ones_nearest_first(reviewed, board) -> None:
    labelled = int(np.flatnonzero(board.expert & ~board.blind)[0])
    found = positions(reviewed, 1, board, Choice(like=labelled, threshold=1.0))
    among = board.proposals.positions
    own = similar(reviewed, None, labelled, among=among, round_number=1)
    np.testing.assert_array_equal(found, own)
    assert len(found) > 10
    elsewhere = read_board(reviewed, 1, space=Space.ENCODER)
    found = positions(reviewed, 1, elsewhere, Choice(like=labelled, threshold=1.0))
    np.testing.assert_array_equal(found, similar(reviewed, None, labelled, among=among))
    assert found.tolist() != own.tolist()


def test_the_payload_says_enough_to_select_the_same_again(board) -> None:
    own = ((board.classes[2].id, 0.75),)
    choice = Choice(rings=(RING,), threshold=0.9, per_class=own, show=Show.REST)
    kept = choice.payload(board)
    assert kept == {
        "round": 1,
        "polygon": [[list(corner) for corner in RING]],
        "space": "round",
        "threshold": 0.9,
        "per_class": {str(board.classes[2].id): 0.75},
        "show": "rest",
        "order": "doubtful",
    }
    again = Choice(
        rings=tuple(tuple(tuple(corner) for corner in ring) for ring in kept["polygon"]),
        threshold=kept["threshold"],
        per_class=tuple((int(key), value) for key, value in kept["per_class"].items()),
        show=Show(kept["show"]),
    )
    assert selected(board, again).positions.tolist() == selected(board, choice).positions.tolist()
    assert Choice(image=3).payload(board) == {"round": 1, "image": 3}
