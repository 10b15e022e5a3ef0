"""A sibling shares images and embeddings, decides for itself, and outlives the other."""

import shutil

import numpy as np
import pytest
import small_project
from PIL import Image

from sslapp.datasets.pictures.reading import Reading
from sslapp.rounds.project_pixels import training_store
from sslapp.store import embeddings, images
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.metadata.columns import columns
from sslapp.store.metadata.values import import_values, values_of
from sslapp.store.state import load_state
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.images.pictures import picture
from sslapp.usecases.images.pixels_again import WantedPixels, make_pixels_again
from sslapp.usecases.images.sibling import make_sibling
from sslapp.usecases.labelling import decisions
from sslapp.usecases.maintenance.backups import backup, restore
from sslapp.usecases.maintenance.verification import verify_workspace
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.training.rounds import round_status, start_round
from sslapp.vocabulary import EventKind, JobState
from sslapp.workspace import Workspace

KEPT = ("position", "name", "sha256", "original", "width", "height", "split", "group_key")


def sibling(access, name="Even", classes=("even", "odd"), of=None) -> int:
    made = make_sibling(access, name, classes, of=of)
    job = small_project.finish(access, made.job_id)
    assert job["state"] == JobState.DONE, job["error"]
    return made.project_id


def sound(workspace) -> None:
    found = verify_workspace(workspace)
    assert found.ok, found.every_problem
    assert not [each for each in found.leftovers if ".npy" in each]


@pytest.fixture
def photographs(tmp_path):
    """A workspace with one project of eight photographs of four patients, a fold of them a test."""
    access = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    create_project(access, "Photographs", ["a", "b"])
    for number in range(8):
        path = tmp_path / "photographs" / ("test" if number > 5 else "train") / "ab"[number % 2]
        path.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 256, (40, 30, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path / f"p{number // 2}-{number}.png")
    import_images(
        access, None, str(tmp_path / "photographs"), reading=Reading(group_pattern=r"(p\d)")
    )
    small_project.run_jobs(access)
    yield access
    access.engine.dispose()


def rows(access, project_id):
    with reading(access.engine) as conn:
        count = images.image_count(conn, project_id)
        return [
            {name: row[name] for name in KEPT}
            for row in images.stored_rows(conn, project_id, 0, count)
        ]


def test_it_has_the_images_and_embeddings_and_nothing_that_was_decided(project) -> None:
    with writing(project.engine) as conn:
        import_values(conn, 1, 1, {"age": {3: "40"}}, file="list.csv", sha256="")
    made = sibling(project)
    assert rows(project, made) == rows(project, 1)
    with reading(project.engine) as conn:
        state = load_state(conn, made)
        assert (state.labels < 0).all()
        assert not state.holdout.any()
        assert state.is_test.sum() == small_project.TEST
        assert (images.true_labels(conn, made) < 0).all()
        there, here = (embeddings.latest_embedding(conn, each) for each in (1, made))
        (age,) = columns(conn, made)
        assert values_of(conn, age.id) == {3: "40"}
    assert (here["encoder"], here["count"]) == (there["encoder"], there["count"])
    names = [project.workspace.path(each["features"]) for each in (there, here)]
    assert names[0] != names[1]
    assert names[0].stat().st_ino == names[1].stat().st_ino  # one copy on the disk
    sound(project.workspace)


def test_both_logs_say_so(project) -> None:
    made = sibling(project)
    own, other = (small_project.log(project, each)[-1] for each in (made, 1))
    assert own.kind is other.kind is EventKind.SIBLING
    assert own.payload["of"]["project"] == small_project.NAME
    assert own.payload["of"]["head"] == other.prev_hash
    assert other.payload["sibling"] == {"project": "Even", "id": made}
    assert own.reader_id == project.reader_id


def test_it_labels_embeds_nothing_trains_and_outlives_the_other(project) -> None:
    made = sibling(project)
    truth = small_project.true_columns(project)
    for position in range(30):
        decisions.label(project, made, position, ("even", "odd")[truth[position] % 2])
    # all files of the other are deleted
    shutil.rmtree(project.workspace.project(1) / "snapshots", ignore_errors=True)
    for folder in project.workspace.jobs.iterdir():
        if not folder.name.startswith("sibling"):
            shutil.rmtree(folder)
    few_steps = {"steps": 12, "batch_size": 8, "calibration_trainings": "one"}
    start_round(project, made, method="supervised", config=few_steps)
    start_round(project, made, method="label-propagation")
    small_project.run_jobs(project)
    for number in (1, 2):
        assert round_status(project, made, number)["state"] == JobState.DONE
    assert small_project.damage(project, made) is None
    assert picture(project, made, 5).content
    found = verify_workspace(project.workspace, "Even")
    assert found.ok, found.every_problem


def test_originals_groups_and_the_test_split_come_along(photographs) -> None:
    made = sibling(photographs)
    found = rows(photographs, made)
    assert found == rows(photographs, 1)
    assert [each["split"] for each in found] == ["test"] * 2 + ["pool"] * 6
    assert {each["group_key"] for each in found} == {"p0", "p1", "p2", "p3"}
    shutil.rmtree(photographs.workspace.project(1) / "originals")
    assert picture(photographs, made, 7).content
    assert verify_workspace(photographs.workspace, "Even").ok


@pytest.mark.slow
@pytest.mark.parametrize("again", [0, 1], ids=["the first", "the sibling"])
def test_making_one_training_store_again_leaves_the_others(photographs, again) -> None:
    both = (1, sibling(photographs))
    job_id = make_pixels_again(photographs, both[again], WantedPixels(size=16))
    assert small_project.finish(photographs, job_id)["state"] == JobState.DONE
    with reading(photographs.engine) as conn:
        shapes = [training_store(conn, photographs.workspace, each).shape for each in both]
    sizes = [shape[1] for shape in shapes]
    assert sizes == ([16, 64] if again == 0 else [64, 16])
    sound(photographs.workspace)


def test_images_without_originals_are_shared_after_the_store_was_made_again(project) -> None:
    small_project.finish(project, make_pixels_again(project, 1, WantedPixels(size=12)))
    made = sibling(project)
    with reading(project.engine) as conn:
        (there,), (here,) = (images.image_sets(conn, each) for each in (1, made))
    assert there.whole is not None
    assert here.whole is not None
    small_project.finish(project, make_pixels_again(project, made, WantedPixels(size=8)))
    sound(project.workspace)


@pytest.mark.slow
def test_a_sibling_has_siblings_and_a_backup_holds_shared_files_once(photographs, tmp_path) -> None:
    first = tmp_path / "one.tar"
    backup(photographs, first)
    made = sibling(photographs)
    sibling(photographs, "Third", (), of=made)
    size = backup(photographs, tmp_path / "three.tar")
    files = sum(p.stat().st_size for p in photographs.workspace.project(1).rglob("*"))
    assert size - first.stat().st_size < 8 * 2**20  # the database, and names
    assert files > 0
    restored = Workspace(workspace=tmp_path / "restored", database_url="")
    assert restore(tmp_path / "three.tar", restored) == ["Photographs", "Even", "Third"]
    sound(restored)


@pytest.mark.slow
def test_one_that_fails_stays_empty_and_the_other_whole(photographs) -> None:
    made = make_sibling(photographs, "Even")
    in_the_way = photographs.workspace.project(made.project_id)
    in_the_way.write_text("no folder")
    assert small_project.finish(photographs, made.job_id)["state"] == JobState.FAILED
    assert rows(photographs, made.project_id) == []
    in_the_way.unlink()
    found = verify_workspace(photographs.workspace)
    assert found.ok, found.every_problem


def test_who_may_not_or_has_no_images_is_refused(photographs) -> None:
    bo = enter(photographs.workspace, "Bo")
    with pytest.raises(NotAllowed):
        make_sibling(bo, "Even")
    bo.engine.dispose()
    with pytest.raises(Refused, match="There is a project Photographs already"):
        make_sibling(photographs, "Photographs")
    create_project(photographs, "Empty")
    with pytest.raises(Refused, match="Empty has no images yet"):
        make_sibling(photographs, "Even", of="Empty")
