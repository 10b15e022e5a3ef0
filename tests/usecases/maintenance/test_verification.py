"""What `verify` says of a workspace; tests/store has what it says of a project's rows."""

import random
from pathlib import Path

import pytest
import small_project
from sqlalchemy import select, text

from benchmarks import damage
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused, Unknown
from sslapp.store.log.events import head
from sslapp.store.schema import embedding, image_set, round_, snapshot
from sslapp.usecases.access import IDENTITY
from sslapp.usecases.maintenance.verification import rebuild, verify_project, verify_workspace
from sslapp.usecases.projects.settings import create_project
from sslapp.workspace import Workspace


def stored(access, column) -> Path:
    with reading(access.engine) as conn:
        return access.workspace.path(conn.execute(select(column)).scalars().first())


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def drop_triggers(conn) -> None:
    for name in ("event_no_update", "event_no_delete"):
        conn.execute(text(f"DROP TRIGGER {name}"))


def test_an_untouched_project_is_whole(reviewed):
    found = verify_project(reviewed, None)
    assert found.ok
    assert (found.problem, found.notes) == (None, ())


@pytest.mark.parametrize(
    ("column", "mend"),
    [
        (image_set.c.pixels, "Restore the workspace from a backup."),
        (snapshot.c.path, "Restore the workspace from a backup."),
        (embedding.c.features, "Embed the images again"),
        (embedding.c.projection, "Embed the images again"),
        (round_.c.probabilities, "Run round 1 again on the same labels"),
    ],
)
@pytest.mark.parametrize("how", ["flipped", "missing"])
def test_a_damaged_file_is_named_with_what_can_be_done(reviewed, column, mend, how):
    path = stored(reviewed, column)
    flip(path) if how == "flipped" else path.unlink()
    problem = verify_project(reviewed, None).problem
    assert problem is not None
    assert problem.startswith(f"{path} is {'not what was written' if how == 'flipped' else how}.")
    assert mend in problem


def test_the_weights_of_a_round_are_on_record(reviewed):
    path = stored(reviewed, round_.c.probabilities).parent / "predictor" / "predictor.safetensors"
    flip(path)
    assert str(path) in (verify_project(reviewed, None).problem or "")


def test_the_record_of_a_round_s_files_cannot_be_thinned_out(reviewed):
    path = stored(reviewed, round_.c.probabilities).parent / "predictor" / "predictor.safetensors"
    path.unlink()
    with writing(reviewed.engine) as conn:
        conn.execute(text("DELETE FROM file WHERE path LIKE '%predictor.safetensors'"))
    problems = verify_project(reviewed, None).problems
    assert problems == (
        "file: the hashes of round 1's files are not those it ended with. "
        "Restore the workspace from a backup.",
    )


def test_changed_true_labels_and_curves_are_found(reviewed):
    with writing(reviewed.engine) as conn:
        conn.execute(text("UPDATE true_label SET class_id = 1 WHERE position = 77"))
        conn.execute(text("UPDATE round_metric SET value = 0 WHERE step = 60"))
    problems = " ".join(verify_project(reviewed, None).problems)
    assert "true_label: those of images 0 to 159 were changed." in problems
    assert "round_metric: the curves of round 1 are not those it ended with." in problems


def test_quick_reads_no_file(reviewed):
    stored(reviewed, round_.c.probabilities).unlink()
    assert verify_project(reviewed, None, quick=True).ok


def test_a_head_noted_elsewhere_shows_that_the_log_was_cut_off(reviewed):
    with reading(reviewed.engine) as conn:
        number, noted = head(conn, 1)
    assert verify_project(reviewed, None, head=noted).ok
    with writing(reviewed.engine) as conn:
        for row in conn.execute(
            text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        ).all():
            conn.execute(text(f"DROP TRIGGER {row.name}"))
        conn.execute(text(f"DELETE FROM event WHERE number = {number}"))
    problem = verify_project(reviewed, None, head=noted).problem
    assert problem == (
        f"No event has the hash {noted}: the log was cut off before it, or replaced. "
        "Restore the workspace from a backup."
    )


def test_what_is_derived_can_be_derived_again(reviewed):
    with writing(reviewed.engine) as conn:
        conn.execute(text("DELETE FROM current_label WHERE position < 10"))
        conn.execute(text("DELETE FROM holdout"))
    assert "`sslapp rebuild` derives it from the log again." in small_project.damage(reviewed)
    assert rebuild(reviewed.workspace) == [small_project.NAME]
    assert small_project.damage(reviewed) is None


def test_nothing_is_derived_from_a_damaged_log(reviewed):
    with writing(reviewed.engine) as conn:
        for row in conn.execute(
            text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        ).all():
            conn.execute(text(f"DROP TRIGGER {row.name}"))
        conn.execute(text("UPDATE event SET position = 3 WHERE number = 30"))
    with pytest.raises(Refused, match="is damaged itself"):
        rebuild(reviewed.workspace)


def test_every_project_is_checked_and_named(reviewed):
    create_project(reviewed, "Second")
    with writing(reviewed.engine) as conn:
        conn.execute(text("UPDATE project SET created_at = '2001-01-01' WHERE name = 'Second'"))
    found = verify_workspace(reviewed.workspace)
    assert list(found.projects) == [small_project.NAME, "Second"]
    assert [each for each in found.every_problem if each.startswith('project "Second": project:')]
    assert verify_workspace(reviewed.workspace, small_project.NAME).ok
    with pytest.raises(Unknown, match="known: Digits, Second"):
        verify_workspace(reviewed.workspace, "Third")


def test_a_database_that_is_none_is_a_finding(reviewed):
    reviewed.engine.dispose()
    (reviewed.workspace.root / "sslapp.db").write_bytes(b"not a database" * 1000)
    (problem,) = verify_workspace(reviewed.workspace).every_problem
    assert problem.startswith("The database cannot be read (DatabaseError")


def test_a_missing_database_is_a_finding_and_none_is_made(reviewed):
    reviewed.engine.dispose()
    (reviewed.workspace.root / "sslapp.db").unlink()
    (problem,) = verify_workspace(reviewed.workspace).every_problem
    assert "sslapp.db is missing" in problem
    assert not (reviewed.workspace.root / "sslapp.db").exists()
    with pytest.raises(Unknown):
        verify_workspace(Workspace(workspace=reviewed.workspace.root / "nowhere"))


def test_files_that_nothing_vouches_for_are_named(reviewed):
    (reviewed.workspace.root / "notes.txt").write_text("mine")
    (reviewed.workspace.weights).mkdir()
    (reviewed.workspace.weights / "own.safetensors").write_bytes(b"0")
    said = dict(each.split(": ", 1) for each in verify_workspace(reviewed.workspace).leftovers)
    assert said["notes.txt"] == "nothing refers to it, or it is older than its hash"
    assert said["weights/own.safetensors"] == "fetched, or brought in by hand"
    assert IDENTITY not in said
    assert {path.rsplit("/", 1)[-1] for path, what in said.items() if what == "a log"} == {
        "log.jsonl"
    }


@pytest.fixture
def two_rounds(open_copy, with_two_rounds) -> Path:
    access = open_copy(with_two_rounds)
    access.engine.dispose()
    return access.workspace.root


@pytest.mark.slow
def test_damaged_pages_are_reported_in_sentences(two_rounds):
    """A hundredth or so of benchmarks/damage.py, at random pages."""
    trials = list(damage.pages(two_rounds, step=7))
    assert {trial.outcome for trial in trials} <= {"reported", "passed"}
    passed = [trial for trial in trials if trial.outcome == "passed"]
    assert [trial for trial in passed if trial.damaging] == []
    assert len(trials) - len(passed) >= 4


@pytest.mark.slow
def test_a_flipped_byte_in_any_file_is_reported(two_rounds):
    """A third of what benchmarks/damage.py --parts files does, evenly spread."""
    trials = list(damage.files(two_rounds, step=3))
    assert len(trials) > 10
    assert [each for each in trials if each.damaging and each.outcome != "reported"] == []
    assert {each.outcome for each in trials} <= {"reported", "passed"}


def test_verify_speaks_whatever_garbage_it_meets(two_rounds):
    database = two_rounds / "sslapp.db"
    whole = database.read_bytes()
    rng = random.Random(0)
    for _ in range(6):
        garbage = bytearray(whole)
        for _ in range(40):
            garbage[rng.randrange(100, len(garbage))] = rng.randrange(256)
        database.write_bytes(garbage)
        for end in ("-wal", "-shm"):
            Path(f"{database}{end}").unlink(missing_ok=True)
        assert damage.judge(two_rounds) == "reported"
