"""Jobs of every kind, cancelled and followed; the demo project."""

import pytest
import small_project
from sqlalchemy import update

from sslapp.store.database import reading, writing
from sslapp.store.schema import embedding, job
from sslapp.usecases.access import enter
from sslapp.usecases.exporting.exports import export
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.incoming.creation import ensure_demo
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.jobs import cancel_job, job_status
from sslapp.usecases.projects.classes import add_class
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.usecases.projects.tour import DEMO
from sslapp.usecases.training import rounds
from sslapp.vocabulary import JobState
from sslapp.workspace import Workspace


def cancelled_at_the_first_step(access, job_id: int) -> dict:
    with writing(access.engine) as conn:
        conn.execute(update(job).where(job.c.id == job_id).values(cancel=True))
    return small_project.finish(access, job_id)


@pytest.mark.parametrize("kind", ["import", "embed", "export", "round"])
def test_a_job_cancelled_while_it_runs_leaves_nothing_behind(kind, project, tmp_path) -> None:
    def start() -> int:
        if kind == "round":
            rounds.start_round(project, None, config=small_project.TINY)
            return rounds.round_status(project, None)["job_id"]
        if kind == "export":
            return export(project, None, tmp_path / "labels.csv")
        if kind == "embed":
            return embed(project, None)
        return import_images(project, None, str(small_project.write_npz(tmp_path / "more.npz")))

    job_id = start()
    before = small_project.log(project)[-1].hash
    row = cancelled_at_the_first_step(project, job_id)
    assert (row["state"], row["error"], row["result"]) == (JobState.CANCELLED, None, None)
    assert row["finished_at"] is not None
    assert small_project.log(project)[-1].hash == before
    assert status(project).counts["images"] == 160
    with reading(project.engine) as conn:
        assert len(conn.execute(embedding.select()).all()) == 1
    assert not (tmp_path / "labels.csv").exists()
    assert small_project.damage(project) is None


def test_a_queued_job_is_cancelled_by_its_id(project) -> None:
    job_id = embed(project, None)
    assert cancel_job(project, job_id) == JobState.CANCELLED
    assert job_status(project, job_id)["eta"] is None
    with pytest.raises(ValueError, match="There is no job 99"):
        job_status(project, 99)


def test_a_set_with_a_foreign_class_is_refused_and_nothing_of_it_appears(tmp_path) -> None:
    access = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    create_project(access, "Odd digits", ["1", "3", "5", "7", "9"])
    source = small_project.write_npz(tmp_path / "digits.npz")
    row = small_project.finish(access, import_images(access, None, str(source)))
    assert row["state"] == JobState.FAILED
    assert 'The set has the class "0", which the project has not (1, 3, 5, 7, 9)' in row["error"]
    assert status(access).counts["images"] == 0
    for name in ("0", "2", "4", "6", "8"):
        add_class(access, None, name)
    row = small_project.finish(access, import_images(access, None, str(source)))
    assert (row["state"], status(access).counts["images"]) == (JobState.DONE, 160)
    truth = small_project.digits(160)[1]
    names = [each.name for each in status(access).classes]
    found = [names[column] for column in small_project.true_columns(access)]
    assert found == [str(each) for each in truth]
    access.engine.dispose()


@pytest.mark.slow
def test_the_demo_is_made_once_and_then_left_alone(tmp_path) -> None:
    access = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    assert ensure_demo(access)
    assert not ensure_demo(access)
    small_project.run_jobs(access)
    found = status(access, DEMO)
    assert found.counts["images"] == 1797
    assert [each["state"] for each in found.jobs] == [JobState.DONE] * 2
    access.engine.dispose()


def test_rounds_are_numbered_and_name_what_they_used(project) -> None:
    for seed in (1, 2):
        options = {"method": "supervised", "gear": "features", "seed": seed}
        rounds.start_round(project, None, **options)
    small_project.run_jobs(project)
    found = rounds.round_status(project, None)
    assert (found["number"], found["seed"], found["encoder"]) == (2, 2, "pixels")
    assert found["metrics"]["holdout"] == 6
    assert found["plan"]["threads"] == 1
    assert rounds.round_status(project, None, 1)["seed"] == 1


@pytest.mark.slow
def test_nothing_labelled_and_nothing_embedded_are_refused_with_the_mend(tmp_path) -> None:
    access = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    create_project(access, "New")
    import_images(access, None, str(small_project.write_npz(tmp_path / "digits.npz")))
    small_project.run_jobs(access)
    with pytest.raises(ValueError, match="Label a few first"):
        rounds.start_round(access, None)
    with pytest.raises(ValueError, match="There is no label to export yet"):
        export(access, None, tmp_path / "labels.csv")
    access.engine.dispose()
