"""Rounds with their snapshots, and what readers ruled out in a round's columns."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, Engine
from store_desk import COUNT, Desk

from sslapp import durable
from sslapp.store import label_classes, rounds
from sslapp.store.database import writing
from sslapp.store.errors import NotFinished, Refused
from sslapp.store.integrity import seals
from sslapp.store.schema import round_, snapshot
from sslapp.store.state import load_state
from sslapp.vocabulary import EventKind
from sslapp.workspace import Workspace


def finish(conn: Connection, desk: Desk, round_id: int, class_ids: list[int]) -> None:
    values = {"probabilities": f"{round_id}.npy", "temperature": 1.5}
    seals.update(conn, round_, [round_.c.id == round_id], values)
    frozen = rounds.all_rounds(conn, desk.project_id)[desk.rounds.index(round_id)].snapshot
    seals.update(conn, snapshot, [snapshot.c.id == frozen.id], {"class_ids": class_ids})


def test_a_round_is_finished_once_it_has_probabilities(engine: Engine, desk: Desk) -> None:
    with writing(engine) as conn:
        assert rounds.newest_finished(conn, desk.project_id) is None
        with pytest.raises(NotFinished, match="No round finished yet"):
            rounds.finished_round(conn, desk.project_id)
        finish(conn, desk, desk.rounds[0], [desk.dog, desk.cat])
        assert [each.number for each in rounds.all_rounds(conn, desk.project_id)] == [1, 2]
        assert [each.number for each in rounds.finished_rounds(conn, desk.project_id)] == [1]
        with pytest.raises(NotFinished, match="Round 2 has not finished yet"):
            rounds.finished_round(conn, desk.project_id, 2)
        found = rounds.finished_round(conn, desk.project_id)
        assert found == rounds.finished_round(conn, desk.project_id, 1)
        assert (found.id, found.class_ids) == (desk.rounds[0], [desk.dog, desk.cat])
        assert (found.probabilities, found.temperature) == (f"{found.id}.npy", 1.5)
        assert (found.snapshot.counts, found.metrics) == ({"images": COUNT}, {})


def test_a_round_is_found_whether_it_has_finished_or_not(engine: Engine, desk: Desk) -> None:
    with writing(engine) as conn:
        assert rounds.find_round(conn, desk.project_id).id == desk.rounds[1]
        first = rounds.find_round(conn, desk.project_id, 1)
        assert (first.id, first.probabilities, first.temperature) == (desk.rounds[0], None, None)
        with pytest.raises(Refused, match="No round 3"):
            rounds.find_round(conn, desk.project_id, 3)


@pytest.mark.parametrize(
    ("stored", "method", "config"),
    [
        ({"threshold": "fixed", "lambda_f": 0.0, "tau": 0.9}, "fixmatch", {"tau": 0.9}),
        ({"threshold": "flexible", "lambda_f": 0.0, "tau": 0.9}, "flexmatch", {"tau": 0.9}),
        (
            {"threshold": "adaptive", "lambda_f": 0.02, "tau": 0.9, "steps": 7},
            "freematch",
            {"steps": 7, "lambda_f": 0.02, "momentum": 0.999},
        ),
        ({"tau": 0.9}, "fixmatch", {"tau": 0.9}),
    ],
)
def test_rounds_of_fixmatchs_former_thresholds_are_those_of_their_methods(
    engine: Engine, desk: Desk, stored, method, config
) -> None:
    first = desk.rounds[0]
    with writing(engine) as conn:
        values = {"method": "fixmatch", "config": stored}
        seals.update(conn, round_, [round_.c.id == first], values)
        finish(conn, desk, first, [desk.cat])
        row = rounds.round_columns(conn, first)
        found = [
            (each.method, each.config)
            for each in (
                rounds.find_round(conn, desk.project_id, 1),
                rounds.finished_round(conn, desk.project_id, 1),
                rounds.all_rounds(conn, desk.project_id)[0],
                *rounds.rounds_of_jobs(conn, [row["job_id"]]).values(),
            )
        ]
        listed = rounds.rounds_with_jobs(conn, desk.project_id)[-1]
        found += [(each["method"], each["config"]) for each in (row, listed)]
        assert found == [(method, config)] * 6
        assert not list(seals.broken(conn, desk.project_id, complete=True))


def test_of_layermatch_the_threshold_is_an_option_still(engine: Engine, desk: Desk) -> None:
    values = {"method": "layermatch", "config": {"threshold": "adaptive"}}
    with writing(engine) as conn:
        seals.update(conn, round_, [round_.c.id == desk.rounds[0]], values)
        row = rounds.round_columns(conn, desk.rounds[0])
        assert {name: row[name] for name in values} == values


def test_the_newest_before_a_round_is_the_last_finished_one(engine: Engine, desk: Desk) -> None:
    with writing(engine) as conn:
        for round_id in desk.rounds:
            finish(conn, desk, round_id, [desk.cat])
        newest = rounds.newest_finished(conn, desk.project_id)
        before = rounds.newest_finished(conn, desk.project_id, before=2)
        assert newest is not None and newest.number == 2
        assert before is not None and before.number == 1
        assert rounds.newest_finished(conn, desk.project_id, before=1) is None


def test_what_is_ruled_out_stands_in_the_columns_of_the_round(engine: Engine, desk: Desk) -> None:
    columns = [desk.cow, desk.cat, desk.dog]
    with writing(engine, desk.project_id) as conn:
        desk.do(conn, EventKind.REJECT, position=5, class_id=desk.dog)
        desk.do(conn, EventKind.REJECT, position=6, class_id=desk.cow)
        label_classes.retire_class(conn, desk.project_id, desk.cat)
        whole = rounds.forbidden_now(load_state(conn, desk.project_id), columns, 7)
        assert whole[:, 1].all()  # retired since
        assert np.argwhere(whole[:, [0, 2]]).tolist() == [[5, 1], [6, 0]]
        asked = np.array([6, 0, 5])
        few = rounds.forbidden_at(conn, desk.project_id, columns, asked)
        assert np.array_equal(few, whole[asked])
        assert rounds.in_use(conn, desk.project_id, columns).tolist() == [True, False, True]


def test_what_members_said_is_read_with_their_names(
    engine: Engine, desk: Desk, tmp_path: Path
) -> None:
    workspace = Workspace(workspace=tmp_path)
    said = np.random.default_rng(0).random((COUNT, 2, 3)).astype(np.float16)
    durable.write_array(workspace.root / "members.npy", said)
    names = ["linear probe, small encoder", "linear probe, large encoder"]
    with writing(engine) as conn:
        for round_id in desk.rounds:
            finish(conn, desk, round_id, [desk.dog, desk.cat, desk.cow])
        values = {"members": "members.npy", "metrics": {"members": names}}
        rounds.change_round(conn, desk.rounds[1], values)
        without, of_an_ensemble = rounds.finished_rounds(conn, desk.project_id)
    assert without.read_members(workspace) is None
    found = of_an_ensemble.read_members(workspace)
    assert found is not None
    assert found.names == tuple(names)
    assert found.probabilities.dtype == np.float16
    np.testing.assert_array_equal(found.probabilities, said)
