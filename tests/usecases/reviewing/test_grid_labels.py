"""Labels given to many images as a grid, before a round and beside one."""

import numpy as np
import pytest
import small_project

from sslapp.store.database import reading, writing
from sslapp.store.errors import KeyReused, Refused
from sslapp.store.log import events
from sslapp.store.state import load_state
from sslapp.usecases.access import new_key
from sslapp.usecases.auditing.lots import UNKNOWN, labels_not_blind
from sslapp.usecases.images.similar import similar
from sslapp.usecases.labelling import decisions, verdicts
from sslapp.usecases.reviewing.board import NO_COLUMN, bare_key, read_bare_board, read_board
from sslapp.usecases.reviewing.bulk_decisions import BulkAction, bulk_label, decide
from sslapp.usecases.reviewing.inspection import inspect, tiles
from sslapp.usecases.reviewing.queue import Choice, Queue, positions
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import EventKind, Sight, Source

RING = ((-0.6, -0.6), (0.5, -0.6), (0.5, 0.7), (-0.6, 0.4))
HOLDOUT = 5


def standing(access):
    with reading(access.engine) as conn:
        return load_state(conn, 1)


def ids(access) -> dict[str, int]:
    return {each.name: each.id for each in read_bare_board(access, 1).classes}


def test_a_board_without_a_round_has_the_map_the_labels_and_the_pool(project) -> None:
    board, state = read_bare_board(project, 1), standing(project)
    assert board.proposals.positions.tolist() == state.pool.tolist()
    assert (board.proposals.columns == NO_COLUMN).all()
    assert (board.round_number, board.known, board.covers) == (None, 0, 160)
    np.testing.assert_array_equal(board.labels, state.labels)
    assert len(board.xy) == 160
    assert bare_key(project, 1).event_number == board.event_number


def test_polygon_order_likeness_and_one_image_select_without_a_round(project) -> None:
    board = read_bare_board(project, 1)
    pool = board.proposals.positions
    inside = board.inside([RING])
    found = positions(project, 1, board, Choice(rings=(RING,), threshold=0.99))
    assert found.tolist() == [each for each in pool.tolist() if inside[each]]
    assert 0 < len(found) < len(pool)
    shuffled = positions(project, 1, board, Choice(queue=Queue.RANDOM))
    assert sorted(shuffled.tolist()) == pool.tolist() != shuffled.tolist()
    alike = positions(project, 1, board, Choice(like=50))
    assert alike.tolist() == similar(project, 1, 50, among=pool).tolist()
    assert positions(project, 1, board, Choice(image=50)).tolist() == [50]
    assert "threshold" not in Choice().payload(board)


def test_tiles_and_inspection_without_a_round_predict_nothing_and_hide_what_measures(
    project,
) -> None:
    plain, blind, labelled = tiles(project, 1, None, [50, HOLDOUT, 0])
    assert (plain.proposed, plain.confidence, plain.label) == (None, 0, None)
    assert blind.blind
    assert blind.label is None
    assert labelled.label is not None
    found = inspect(project, 1, None, 50)
    assert (found.lines, found.members, found.before) == ((), (), None)
    assert len(found.evidence) == 5
    assert HOLDOUT not in {each.position for each in found.evidence}


def test_a_label_of_a_grid_is_one_event_of_the_audits_lot_and_one_undo_takes_it_back(
    project,
) -> None:
    board = read_bare_board(project, 1)
    done = decide(
        project,
        1,
        np.array([51, 50, 52]),
        BulkAction.LABEL,
        choice=Choice(rings=(RING,)),
        seen=board,
        now=board,
        class_name="3",
        opened=1,
        seen_in_grid=3,
        key="browser:1",
    )
    made = done.event
    assert (made.kind, made.members.tolist(), made.round_id) == (
        EventKind.BULK_LABEL,
        [50, 51, 52],
        None,
    )
    assert made.class_id == ids(project)["3"]
    kept = {name: made.payload[name] for name in ("sight", "seen", "opened", "round")}
    assert kept == {"sight": Sight.GRID, "seen": 3, "opened": 1, "round": None}
    now = standing(project)
    assert (now.labels[[50, 51, 52]] == 3).all()
    assert (now.source[[50, 51, 52]] == Source.ACCEPTED).all()
    with reading(project.engine) as conn:
        lot = labels_not_blind(conn, project.workspace, 1)
    assert lot.positions.tolist() == [50, 51, 52]
    assert lot.confidence == pytest.approx(UNKNOWN, abs=1e-4)
    # a later single decision stands when the grid is taken back
    decisions.label(project, None, 51, "4")
    decisions.undo(project, None, made.number)
    after = standing(project)
    assert after.labels[[50, 51, 52]].tolist() == [-1, 4, -1]
    assert small_project.damage(project) is None


def test_the_same_key_is_the_same_decision(project) -> None:
    first = bulk_label(project, None, [60, 61], "3", key="k", seen_in_grid=2)
    assert bulk_label(project, None, [61, 60], "3", key="k", seen_in_grid=2).number == first.number
    for other in ({"opened": 1}, {"seen_in_grid": 1}):
        with pytest.raises(KeyReused):
            bulk_label(project, None, [60, 61], "3", key="k", **{"seen_in_grid": 2, **other})


@pytest.mark.parametrize(
    ("position", "why"),
    [
        (HOLDOUT, "belongs to the holdout"),
        (small_project.POOL, "belongs to the test split"),
        (0, "already has a label"),
        (900, "is not in the project"),
    ],
)
def test_what_measures_or_is_decided_takes_no_label_of_a_grid(project, position, why) -> None:
    with pytest.raises(ValueError, match=why):
        bulk_label(project, None, [50, position], "3")


def test_the_log_itself_refuses_a_class_in_bulk_for_what_measures_or_rejected_it(reviewed) -> None:
    about = {"reader_id": reviewed.reader_id, "class_id": ids(reviewed)["3"], "payload": {}}
    verdicts.reject(reviewed, None, 70, "3")
    for position, why in ((HOLDOUT, "a class given in bulk"), (150, "test split"), (70, "not to")):
        with pytest.raises(Refused, match=why), writing(reviewed.engine, 1) as conn:
            members = np.array([position])
            events.append(conn, 1, EventKind.BULK_LABEL, key=new_key(), members=members, **about)


def test_beside_a_round_the_grid_is_an_event_of_its_own(reviewed) -> None:
    board = read_board(reviewed, 1)
    some = board.proposals.positions[:4]
    about = {"choice": Choice(), "seen": board, "now": board, "class_name": "3"}
    made = decide(reviewed, 1, some, BulkAction.LABEL, **about).event
    assert (made.kind, made.round_id, made.payload["round"]) == (EventKind.BULK_LABEL, None, 1)


def test_a_first_round_learns_from_labels_of_a_grid_alone(project) -> None:
    for each in small_project.log(project):
        if each.kind is EventKind.LABEL:
            decisions.undo(project, None, each.number)
    truth = small_project.true_columns(project)
    pool = read_bare_board(project, 1).proposals.positions
    for digit in range(10):
        of_it = pool[truth[pool] == digit][:6]
        bulk_label(project, None, of_it, str(digit), seen_in_grid=len(of_it))
    start_round(project, None, method="prototypes")
    small_project.run_jobs(project)
    board = read_board(project, 1)
    rest = np.flatnonzero((board.labels < 0) & ~board.blind)
    assert (board.predicted[rest] == truth[rest]).mean() > 0.7
