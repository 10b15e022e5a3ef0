"""An import is withdrawn while nothing is decided on it, with its files, and comes in again."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import small_project
from PIL import Image

from sslapp.jobs import queue
from sslapp.store.database import reading
from sslapp.store.embeddings import latest_embedding
from sslapp.store.errors import Refused
from sslapp.store.images import image_sets
from sslapp.usecases.access import Access, NotAllowed, enter
from sslapp.usecases.exporting.exports import export
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.images.incoming.notes import notes_of
from sslapp.usecases.images.own_labels.plan import plan_import
from sslapp.usecases.images.pictures import picture
from sslapp.usecases.images.sibling import make_sibling
from sslapp.usecases.images.withdrawal import plan_withdrawal, withdraw
from sslapp.usecases.jobs import cancel_job, job_status, jobs_of
from sslapp.usecases.labelling.decisions import label
from sslapp.usecases.labelling.label_counts import label_counts
from sslapp.usecases.maintenance.backups import backup, restore
from sslapp.usecases.maintenance.files import TO_BE_REMOVED
from sslapp.usecases.maintenance.verification import rebuild, verify_workspace
from sslapp.usecases.people.members import grant
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.vocabulary import JobState, Role
from sslapp.workspace import Workspace


def pictures(folder: Path, *seeds: int) -> Path:
    folder.mkdir()
    for seed in seeds:
        noise = np.random.default_rng(seed).integers(0, 256, (12, 10, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{seed}.png")
    return folder


@pytest.fixture
def access(tmp_path: Path):
    """A project of three pictures; three more, one with equal pixels, wait in `wrong`."""
    made = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    create_project(made, "Scans", ["a", "b"])
    imported(made, pictures(tmp_path / "right", 0, 1, 2))
    label(made, None, 0, "a")
    pictures(tmp_path / "wrong", 7, 8)
    Image.open(tmp_path / "right" / "2.png").save(tmp_path / "wrong" / "twin.png", compress_level=1)
    yield made
    made.engine.dispose()


def imported(access: Access, source: Path) -> None:
    row = small_project.finish(access, import_images(access, "Scans", str(source)))
    assert row["state"] == JobState.DONE, row["error"]


def files(access: Access) -> set[str]:
    """Files of the workspace that hold images or what was made of them."""
    root = access.workspace.root
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return {each for each in found if "originals" in each or each.endswith(".npy")}


def sound(access: Access) -> None:
    found = verify_workspace(access.workspace)
    assert found.ok, found.every_problem
    assert not [each for each in found.leftovers if "refers to it" in each or "to be" in each]


@pytest.mark.slow
def test_images_embeddings_and_files_go_and_the_source_comes_in_again(access, tmp_path) -> None:
    small_project.finish(access, embed(access, None, "pixels"))
    before = files(access)
    imported(access, tmp_path / "wrong")
    small_project.finish(access, embed(access, None, "pixels"))
    plan = plan_withdrawal(access, None)
    assert (plan.name, plan.images, plan.left, plan.in_the_way) == ("wrong", 3, 3, "")
    assert plan.encoders == ("pixels",)
    assert plan.bytes > 0
    assert small_project.finish(access, withdraw(access, None, plan.id))["state"] == JobState.DONE
    assert status(access).counts["images"] == 3
    assert files(access) == before
    with reading(access.engine) as conn:
        assert latest_embedding(conn, 1)["count"] == 3
    sound(access)
    assert rebuild(access.workspace) == ["Scans"]
    imported(access, tmp_path / "wrong")
    found = status(access)
    assert (found.counts["images"], found.counts["expert"]) == (6, 1)
    assert set(notes_of(found.jobs)) <= {0, 3}
    assert picture(access, None, 5).content
    sound(access)


@pytest.mark.slow
def test_a_kill_before_and_while_files_go_leaves_nothing_damaged(access, tmp_path) -> None:
    before = files(access)
    imported(access, tmp_path / "wrong")
    job_id = withdraw(access, None)
    found = verify_workspace(access.workspace)
    assert found.ok, found.every_problem
    held = queue.claim(access.engine, 2**22 - 1)  # a worker that dies half-way
    assert held is not None
    assert held.job_id == job_id
    access.workspace.path(held.params["paths"][0]).unlink()
    assert small_project.finish(access, job_id)["state"] == JobState.DONE
    assert files(access) == before
    sound(access)


def test_what_the_disk_refused_is_tried_again_by_itself(access, tmp_path) -> None:
    before = files(access)
    imported(access, tmp_path / "wrong")
    job_id = withdraw(access, None)
    with reading(access.engine) as conn:
        pixels = access.workspace.path(queue.read_job(conn, job_id)["params"]["paths"][0])
    pixels.unlink()
    (pixels / "in the way").mkdir(parents=True)  # no unlink takes a folder, whoever asks
    row = small_project.finish(access, job_id)
    assert row["state"] == JobState.FAILED
    assert str(pixels) in row["error"]
    assert queue.AGAIN in row["error"]
    (listed,) = [each for each in jobs_of(access, None, 1) if each["id"] == job_id]
    assert listed["state"] == JobState.FAILED
    found = verify_workspace(access.workspace)
    assert found.ok, found.every_problem
    left = [each for each in found.leftovers if each.endswith(TO_BE_REMOVED)]
    assert len(left) == 3
    assert all("originals" in each for each in left)
    (pixels / "in the way").rmdir()
    pixels.rmdir()
    small_project.run_jobs(access)
    assert job_status(access, job_id)["state"] == JobState.FAILED, "a minute has not passed"
    assert queue.take_up_again(access.engine, timedelta(0)) == [job_id]
    assert small_project.finish(access, job_id)["state"] == JobState.DONE
    assert files(access) == before
    sound(access)


@pytest.mark.slow
def test_originals_that_others_have_stay(access, tmp_path) -> None:
    imported(access, tmp_path / "wrong")
    made = make_sibling(access, "Other", ["x"], of="Scans")
    small_project.finish(access, made.job_id)
    with reading(access.engine) as conn:
        pixels = access.workspace.path(image_sets(conn, 1)[-1].pixels)
    assert plan_withdrawal(access, "Scans").bytes == pixels.stat().st_size  # no original's
    small_project.finish(access, withdraw(access, "Scans"))
    assert picture(access, "Other", 4).content
    assert picture(access, "Scans", 2).content
    sound(access)


def test_an_own_export_goes_with_the_labels_that_came_with_it(access, tmp_path) -> None:
    small_project.draw_holdout(access, 1)
    label(access, None, 1, "b")
    small_project.finish(access, export(access, None, tmp_path / "own.zip"))
    project_id = create_project(access, "Other", ["a", "b"])

    def counts() -> tuple[int, int, int]:
        with reading(access.engine) as conn:
            found = label_counts(access.engine, conn, project_id)
        return status(access, "Other").counts["images"], found.labels.total(), found.holdout

    def bring(source: Path) -> None:
        row = small_project.finish(access, import_images(access, "Other", str(source)))
        assert row["state"] == JobState.DONE, row["error"]

    bring(tmp_path / "wrong")
    before = counts()
    fresh = plan_import(access, "Other", tmp_path / "own.zip")
    assert (fresh.pictures, fresh.here, fresh.holdout) == (2, 0, 1)
    bring(tmp_path / "own.zip")
    assert counts() == (5, 2, 1)
    again = plan_import(access, "Other", tmp_path / "own.zip")
    assert (again.pictures, again.here, again.labels, again.holdout) == (2, 2, {}, 0)
    assert "2 images are here already and not taken in again." in " ".join(again.words())
    plan = plan_withdrawal(access, "Other")
    assert (plan.in_the_way, plan.labels, plan.holdout) == ("", 2, 1)
    assert "2 labels that came with them go too." in plan.words()
    assert "1 of its images leaves the holdout." in plan.words()
    assert "2 images, 1 of them of the holdout, 2 labels that came with them." in plan.done()
    small_project.finish(access, withdraw(access, "Other", plan.id))
    assert counts() == before == (3, 0, 0)
    sound(access)
    rebuild(access.workspace)
    assert counts() == before
    bring(tmp_path / "own.zip")
    assert counts() == (5, 2, 1)
    sound(access)
    label(access, "Other", 4, "b")  # by the same reader, and now it was touched
    assert "(label)" in plan_withdrawal(access, "Other").in_the_way


def test_a_decision_a_job_and_a_newer_import_stand_in_the_way(access, tmp_path) -> None:
    with pytest.raises(Refused, match=r'"right" stays: event \d+ \(label\).*new project'):
        withdraw(access, None)
    assert "(label)" in plan_withdrawal(access, None).in_the_way
    imported(access, tmp_path / "wrong")
    shown = plan_withdrawal(access, None).id
    imported(access, pictures(tmp_path / "third", 9))
    with pytest.raises(Refused, match='"third" is the last import by now'):
        withdraw(access, None, shown)
    job_id = embed(access, None, "pixels")
    with pytest.raises(Refused, match=rf"job {job_id} \(embed\) is under way"):
        withdraw(access, None)
    assert status(access).counts["images"] == 7


def test_only_admins_withdraw_and_nobody_stops_the_removal(access, tmp_path) -> None:
    imported(access, tmp_path / "wrong")
    grant(access, None, "Bo", Role.ADJUDICATOR)
    bo = enter(access.workspace, "Bo")
    for command in (plan_withdrawal, withdraw):
        with pytest.raises(NotAllowed):
            command(bo, None)
    bo.engine.dispose()
    job_id = withdraw(access, None)
    with pytest.raises(Refused, match="let it end"):
        cancel_job(access, job_id)


@pytest.mark.slow
def test_a_backup_made_before_the_files_go_is_whole(access, tmp_path) -> None:
    imported(access, tmp_path / "wrong")
    withdraw(access, None)
    backup(access, tmp_path / "b.tar")
    elsewhere = Workspace(workspace=tmp_path / "elsewhere")
    restore(tmp_path / "b.tar", elsewhere)
    there = enter(elsewhere, "Ann")
    small_project.run_jobs(there)
    assert status(there).counts["images"] == 3
    sound(there)
    there.engine.dispose()
