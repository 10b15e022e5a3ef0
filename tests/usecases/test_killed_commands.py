"""Commands killed at any moment: the history verifies, nothing acknowledged is lost."""

import signal
import time

import doomed
import numpy as np
import pytest
import small_project

from sslapp.store.database import reading
from sslapp.store.images import image_count
from sslapp.usecases.access import enter
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.jobs import job_status
from sslapp.vocabulary import EventKind, JobState
from sslapp.workspace import Workspace

pytestmark = pytest.mark.timeout(180)
KILLS = 20


@pytest.fixture
def moments(launcher, prepared, tmp_path):
    """A function: 20 random moments within the time that commands take undisturbed."""

    def draw(seed: int, make, *commands) -> list[float]:
        access = make("undisturbed")
        access.engine.dispose()
        started = time.monotonic()
        assert launcher.run(access.workspace.root, *commands) == 0
        taken = time.monotonic() - started
        return np.random.default_rng(seed).uniform(0, taken, KILLS).tolist()

    return draw


def closed_copy(prepared, tmp_path):
    return lambda name: small_project.copy(prepared, tmp_path / name)


@pytest.mark.slow
def test_a_list_of_labels_is_saved_whole_or_not_at_all(
    launcher, moments, prepared, tmp_path
) -> None:
    path = tmp_path / "labels.csv"
    rows = [f"{position},{position % 10}" for position in range(40, 120)]
    path.write_text("\n".join(["position,class", *rows]))
    make, command = closed_copy(prepared, tmp_path), ("label", str(path), "--json")
    outcomes = set()
    for number, moment in enumerate(moments(1, make, command)):
        access = make(f"copy-{number}")
        root = access.workspace.root
        before = len(small_project.log(access))
        launcher.run(root, command, die_after=moment)
        found = small_project.log(access)
        assert small_project.damage(access) is None
        saved = len(found) - before
        assert saved in (0, len(rows))
        if doomed.said(root):
            assert saved == len(rows), "acknowledged and lost"
        outcomes.add(saved)
        access.engine.dispose()
    assert 0 in outcomes, "no kill came in time"


@pytest.mark.slow
def test_no_acknowledged_label_is_lost(launcher, moments, prepared, tmp_path) -> None:
    commands = [("label", str(position), "3", "--json") for position in range(40, 70)]
    make, acknowledged = closed_copy(prepared, tmp_path), []
    for number, moment in enumerate(moments(2, make, *commands)):
        access = make(f"copy-{number}")
        root = access.workspace.root
        before = len(small_project.log(access))
        launcher.run(root, *commands, die_after=moment)
        assert small_project.damage(access) is None
        numbers = [each["event"] for each in doomed.said(root)]
        made = [e.number for e in small_project.log(access)[before:] if e.kind == EventKind.LABEL]
        assert made[: len(numbers)] == numbers
        assert len(made) - len(numbers) <= 1, "only the last one may be saved and not said yet"
        acknowledged.append(len(numbers))
        access.engine.dispose()
    assert min(acknowledged) < len(commands), "no kill came in time"
    assert max(acknowledged) > 0


@pytest.mark.slow
@pytest.mark.parametrize("how", ["moments", "points"])
def test_an_import_is_there_completely_or_not_at_all_and_the_next_worker_completes_it(
    how, launcher, moments, prepared, tmp_path
) -> None:
    source = small_project.write_more(tmp_path / "more.npz")

    def make(name):
        access = small_project.copy(prepared, tmp_path / name)
        import_images(access, None, str(source))
        return access

    times = moments(3, make, doomed.WORKER)
    count = len(doomed.points(tmp_path / "undisturbed"))
    if how == "moments":
        deaths = [{"die_after": moment} for moment in times]
    else:
        deaths = [{"die_at": point} for point in range(1, count + 1)]
    for number, death in enumerate(deaths):
        access = make(f"copy-{number}")
        root = access.workspace.root
        before = [each.hash for each in small_project.log(access)]
        status = launcher.run(root, doomed.WORKER, **death)
        assert status == -signal.SIGKILL or "die_after" in death
        assert small_project.damage(access) is None
        done = job_status(access, 3)["state"] == JobState.DONE
        with reading(access.engine) as conn:
            assert image_count(conn, 1) == (320 if done else 160)
        assert [each.hash for each in small_project.log(access)][: len(before)] == before
        small_project.run_jobs(access)
        row = job_status(access, 3)
        assert row["state"] == JobState.DONE, row["error"]
        with reading(access.engine) as conn:
            assert image_count(conn, 1) == 320
        assert len(small_project.log(access)) == len(before) + 1
        assert small_project.damage(access) is None
        access.engine.dispose()


@pytest.mark.slow
def test_the_first_import_killed_at_every_point_leaves_no_half_class_list(
    launcher, tmp_path
) -> None:
    from sslapp.usecases.projects.settings import create_project
    from sslapp.usecases.projects.status import status

    source = small_project.write_more(tmp_path / "digits.npz")
    point, state = 0, -signal.SIGKILL
    while state == -signal.SIGKILL:
        point += 1
        root = tmp_path / f"workspace-{point}"
        access = enter(Workspace(workspace=root), "Ann")
        create_project(access, "New")
        import_images(access, None, str(source))
        state = launcher.run(root, doomed.WORKER, die_at=point)
        assert small_project.damage(access) is None
        assert len(status(access).classes) in (0, 10)
        assert (len(status(access).classes) == 10) == (status(access).counts["images"] == 160)
        small_project.run_jobs(access)
        assert status(access).counts["images"] == 160
        access.engine.dispose()
    assert point > 8
