"""Who has which image before them."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine, func, select
from store_desk import Desk

from sslapp.store import images
from sslapp.store.database import writing
from sslapp.store.people import leases
from sslapp.store.schema import lease
from sslapp.vocabulary import Purpose

NOON = datetime(2026, 11, 20, 12)
MINUTE = timedelta(minutes=1)
LABEL, REVIEW = Purpose.LABEL, Purpose.REVIEW


def at(*positions: int) -> NDArray[np.int64]:
    return np.array(positions, np.int64)


def test_an_image_that_another_reader_has_is_not_granted(engine: Engine, desk: Desk) -> None:
    project = desk.project_id
    with writing(engine) as conn:
        got = leases.take(conn, project, desk.ann, at(5, 2, 7), LABEL, NOON, NOON + MINUTE)
        assert got.tolist() == [5, 2, 7]
        got = leases.take(conn, project, desk.bob, at(9, 2, 5, 1), LABEL, NOON, NOON + MINUTE)
        assert got.tolist() == [9, 1]
        assert leases.others(conn, project, desk.bob, LABEL, NOON).tolist() == [2, 5, 7]
        assert leases.others(conn, project, desk.ann, LABEL, NOON).tolist() == [1, 9]


def test_a_lease_for_another_purpose_is_another_lease(engine: Engine, desk: Desk) -> None:
    project = desk.project_id
    with writing(engine) as conn:
        leases.take(conn, project, desk.ann, at(3), LABEL, NOON, NOON + MINUTE)
        got = leases.take(conn, project, desk.bob, at(3), REVIEW, NOON, NOON + MINUTE)
        assert got.tolist() == [3]
        assert leases.others(conn, project, desk.bob, LABEL, NOON).tolist() == [3]


def test_a_lapsed_lease_holds_nobody_up_and_is_removed(engine: Engine, desk: Desk) -> None:
    project = desk.project_id
    with writing(engine) as conn:
        leases.take(conn, project, desk.ann, at(1, 2), LABEL, NOON, NOON + MINUTE)
        assert leases.others(conn, project, desk.bob, LABEL, NOON + MINUTE).size == 0
        got = leases.take(conn, project, desk.bob, at(2), LABEL, NOON + MINUTE, NOON + 2 * MINUTE)
        assert got.tolist() == [2]
        assert conn.execute(select(func.count()).select_from(lease)).scalar() == 1


def test_taking_again_renews(engine: Engine, desk: Desk) -> None:
    project = desk.project_id
    with writing(engine) as conn:
        leases.take(conn, project, desk.ann, at(4), LABEL, NOON, NOON + MINUTE)
        got = leases.take(conn, project, desk.ann, at(4), LABEL, NOON, NOON + 5 * MINUTE)
        assert got.tolist() == [4]
        assert leases.others(conn, project, desk.bob, LABEL, NOON + 4 * MINUTE).tolist() == [4]


@pytest.mark.parametrize(
    ("given_up", "left"), [(at(1, 3), [2]), (at(8), [1, 2, 3]), (at(), [1, 2, 3]), (None, [])]
)
def test_a_reader_gives_up_only_their_own(
    engine: Engine, desk: Desk, given_up: NDArray[np.int64] | None, left: list[int]
) -> None:
    project = desk.project_id
    with writing(engine) as conn:
        leases.take(conn, project, desk.ann, at(1, 2, 3), LABEL, NOON, NOON + MINUTE)
        leases.take(conn, project, desk.ann, at(1), REVIEW, NOON, NOON + MINUTE)
        leases.release(conn, project, desk.bob, LABEL)
        leases.release(conn, project, desk.ann, LABEL, given_up)
        assert leases.others(conn, project, desk.bob, LABEL, NOON).tolist() == left
        assert leases.others(conn, project, desk.bob, REVIEW, NOON).tolist() == [1]


def test_more_images_than_a_statement_has_parameters(engine: Engine, desk: Desk) -> None:
    many = [
        images.NewImage(name=f"{i}.png", sha256="0" * 64, width=8, height=8) for i in range(1200)
    ]
    positions = np.arange(1200, dtype=np.int64)
    with writing(engine) as conn:
        images.add_image_set(conn, desk.project_id, "many", "sets/2.npy", many)
        for _ in range(2):
            got = leases.take(
                conn, desk.project_id, desk.ann, positions, LABEL, NOON, NOON + MINUTE
            )
            np.testing.assert_array_equal(got, positions)
        leases.release(conn, desk.project_id, desk.ann, LABEL, positions[:-1])
        left = leases.others(conn, desk.project_id, desk.bob, LABEL, NOON)
    assert left.tolist() == [1199]
