"""A deleted project: its log stays and verifies, everything else is gone, and nobody opens it."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
import small_project

from sslapp.jobs import queue
from sslapp.jobs.worker import run_claimed
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.usecases.access import NoSuchProject, NotAllowed, enter
from sslapp.usecases.exporting.exports import Format, export_here
from sslapp.usecases.handlers import HANDLERS
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.pictures import picture
from sslapp.usecases.images.sibling import make_sibling
from sslapp.usecases.jobs import jobs_of
from sslapp.usecases.labelling import decisions, offers
from sslapp.usecases.maintenance.backups import backup, restore
from sslapp.usecases.maintenance.files import OF_DELETED
from sslapp.usecases.maintenance.verification import rebuild, verify_workspace
from sslapp.usecases.people.members import grant, members
from sslapp.usecases.projects.deletion import delete_project, plan_deletion
from sslapp.usecases.projects.listing import project_list
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.usecases.training.progress import live_jobs
from sslapp.vocabulary import EventKind, JobKind, JobState, Role
from sslapp.workspace import Workspace

NAME = small_project.NAME


def own_files(access) -> list[Path]:
    root = access.workspace.root
    below = [root / "projects" / "1", root / "jobs", root / "exports" / "1"]
    return [path for each in below for path in each.rglob("*") if path.is_file()]


def delete(access) -> None:
    job_id = delete_project(access, NAME, NAME)
    row = small_project.finish(access, job_id)
    assert row["state"] == JobState.DONE, row["error"]


def sound(access) -> dict:
    found = verify_workspace(access.workspace)
    assert found.ok, found.every_problem
    assert not [each for each in found.leftovers if "deleted" in each or "refers" in each]
    return found.projects


def test_its_files_go_and_its_log_stays(reviewed) -> None:
    small_project.finish(reviewed, export_here(reviewed, None, Format.CSV))
    plan = plan_deletion(reviewed, None)
    assert (plan.images, plan.labels, plan.rounds) == (160, 40, 1)
    assert plan.bytes == sum(path.stat().st_size for path in own_files(reviewed))
    before = small_project.log(reviewed)
    delete(reviewed)
    assert own_files(reviewed) == []
    last = small_project.log(reviewed)[-1]
    assert len(small_project.log(reviewed)) == len(before) + 1
    assert (last.kind, last.reader_id) == (EventKind.DELETE_PROJECT, reviewed.reader_id)
    assert last.payload == {"name": NAME, "images": 160, "labels": 40, "rounds": 1}
    (title,) = sound(reviewed)
    assert title == f"{NAME} (deleted, number 1)"
    assert rebuild(reviewed.workspace) == []
    sound(reviewed)


def test_files_that_the_disk_kept_are_tried_again_and_listed(project) -> None:
    folder, elsewhere = next(project.workspace.jobs.iterdir()), project.workspace.root / "moved"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)  # a tree behind a link is never deleted
    job_id = delete_project(project, NAME, NAME)
    assert small_project.finish(project, job_id)["state"] == JobState.FAILED
    (listed,) = jobs_of(project, None, 10)
    assert (listed["id"], listed["state"]) == (job_id, JobState.FAILED)
    found = verify_workspace(project.workspace)
    assert found.ok, found.every_problem
    assert [each for each in found.leftovers if each.endswith(OF_DELETED)]
    folder.unlink()
    elsewhere.rename(folder)
    assert queue.take_up_again(project.engine, timedelta(0)) == [job_id]
    assert small_project.finish(project, job_id)["state"] == JobState.DONE
    assert own_files(project) == []
    with pytest.raises(NoSuchProject):
        jobs_of(project, None, 10)
    sound(project)


def test_it_is_listed_nowhere_and_its_name_is_free(project) -> None:
    grant(project, None, "Bo", Role.READER)
    delete(project)
    bo = enter(project.workspace, "Bo")
    assert project_list(project) == project_list(bo) == []
    bo.engine.dispose()
    for meant in (NAME, 1, None):
        with pytest.raises(NoSuchProject):
            status(project, meant)
    made = create_project(project, NAME, ["x"])
    assert made != 1
    assert status(project).project_id == made
    sound(project)


def test_whoever_has_it_open_is_told_in_a_sentence(project) -> None:
    delete(project)
    for command in (
        lambda: decisions.label(project, 1, 60, "3"),
        lambda: offers.refill(project, 1, have=[]),
        lambda: picture(project, 1, 3),
        lambda: live_jobs(project, 1),
        lambda: members(project, 1),
        lambda: embed(project, 1),
        lambda: grant(project, 1, "Bo", Role.ADMIN),
        lambda: delete_project(project, 1, NAME),
    ):
        with pytest.raises(NoSuchProject, match=r"deleted|no project"):
            command()


def test_only_an_admin_deletes_and_only_what_they_name(project) -> None:
    grant(project, None, "Bo", Role.ADJUDICATOR)
    bo = enter(project.workspace, "Bo")
    for command in (lambda: plan_deletion(bo, None), lambda: delete_project(bo, None, NAME)):
        with pytest.raises(NotAllowed):
            command()
    bo.engine.dispose()
    with pytest.raises(Refused, match='"Digit" is not its name, "Digits" is'):
        delete_project(project, None, "Digit")
    assert status(project).counts["images"] == 160


def test_a_sibling_keeps_its_images(project) -> None:
    made = make_sibling(project, "Even", ["even", "odd"])
    small_project.finish(project, made.job_id)
    size = plan_deletion(project, NAME).bytes
    assert size < 20_000  # what the sibling has, too, takes no room of its own
    delete(project)
    assert picture(project, "Even", 3).content
    decisions.label(project, "Even", 3, "odd")
    sound(project)


def test_jobs_are_cancelled_and_one_that_ends_meanwhile_adds_nothing(project) -> None:
    waiting, late = embed(project, None), embed(project, None)
    with writing(project.engine) as conn:  # a worker elsewhere is at its last step
        conn.execute(
            queue.job.update()
            .where(queue.job.c.id == late)
            .values(state="running", attempt=1, host="elsewhere", pid=1, beat=queue.now())
        )
    job_id = delete_project(project, NAME, NAME)
    with reading(project.engine) as conn:
        assert queue.read_job(conn, waiting)["state"] == JobState.CANCELLED
        assert queue.read_job(conn, late)["cancel"]
        row = dict(queue.read_job(conn, late))
    held = queue.Claim(late, 1, 1, JobKind(row["kind"]), row["params"], 1, row["folder"])
    run_claimed(project.workspace, project.engine, HANDLERS, held, 1)
    with reading(project.engine) as conn:
        assert queue.read_job(conn, late)["state"] in (JobState.CANCELLED, JobState.FAILED)
    assert small_project.finish(project, job_id)["state"] == JobState.DONE
    assert own_files(project) == []
    sound(project)


def test_a_killed_removal_is_gone_on_with(project) -> None:
    job_id = delete_project(project, NAME, NAME)
    found = verify_workspace(project.workspace)
    assert found.ok, found.every_problem
    assert any("of a project that was deleted" in each for each in found.leftovers)
    held = queue.claim(project.engine, 2**22 - 1)  # a worker that dies half-way
    assert held is not None
    shutil.rmtree(next(project.workspace.jobs.glob("import-*")))
    assert verify_workspace(project.workspace).ok
    assert small_project.finish(project, job_id)["state"] == JobState.DONE
    assert own_files(project) == []
    sound(project)


def test_a_backup_has_nothing_of_it_but_its_log(project, tmp_path) -> None:
    delete_project(project, NAME, NAME)
    backup(project, tmp_path / "b.tar")  # before its files are deleted
    elsewhere = Workspace(workspace=tmp_path / "elsewhere")
    assert restore(tmp_path / "b.tar", elsewhere) == [f"{NAME} (deleted, number 1)"]
    there = enter(elsewhere, "Ann")
    small_project.run_jobs(there)
    assert own_files(there) == []
    assert small_project.log(there)[-1].kind is EventKind.DELETE_PROJECT
    sound(there)
    there.engine.dispose()
    with pytest.raises(NoSuchProject):
        status(there)
