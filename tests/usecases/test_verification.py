"""What `verify` says of a project's files; tests/store has what it says of the log."""

from sqlalchemy import select

from sslapp.store.database import reading
from sslapp.store.schema import round_, snapshot
from sslapp.usecases.verification import verify_project


def stored(access, column):
    with reading(access.engine) as conn:
        return access.workspace.path(conn.execute(select(column)).scalars().first())


def test_an_untouched_project_is_whole(reviewed):
    found = verify_project(reviewed, None)
    assert found.ok
    assert (found.problem, found.notes) == (None, ())


def test_one_changed_bit_in_a_round_s_predictions_is_named(reviewed):
    path = stored(reviewed, round_.c.probabilities)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    found = verify_project(reviewed, None)
    assert not found.ok
    assert str(path) in found.problem
    assert "round 1" in found.problem


def test_missing_predictions_are_named(reviewed):
    path = stored(reviewed, round_.c.probabilities)
    path.unlink()
    assert str(path) in verify_project(reviewed, None).problem


def test_a_damaged_snapshot_is_named(reviewed):
    path = stored(reviewed, snapshot.c.path)
    path.write_bytes(path.read_bytes()[:-40])
    found = verify_project(reviewed, None)
    assert not found.ok
    assert path.name in found.problem
