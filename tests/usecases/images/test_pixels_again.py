"""The training store made again from originals: at once for all, and nothing is lost."""

import io

import numpy as np
import pytest
import small_project
from PIL import Image

from sslapp.imaging.decode import decode
from sslapp.imaging.fit import fit
from sslapp.jobs import queue
from sslapp.jobs.context import JobContext
from sslapp.rounds.project_pixels import training_store
from sslapp.store import images, projects, rounds
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.projects import ProjectSettings
from sslapp.store.schema import image
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.images.pictures import picture, thumbnail
from sslapp.usecases.images.pixels_again import (
    StoreShape,
    WantedPixels,
    make_pixels_again,
    run_pixels,
    store_shape,
)
from sslapp.usecases.jobs import job_status
from sslapp.usecases.maintenance.verification import verify_workspace
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.training.rounds import cancel_round, resume_round, round_status, start_round
from sslapp.vocabulary import Aspect, Intensities, JobState
from sslapp.workspace import Workspace

FEW_STEPS = {"steps": 10, "batch_size": 8, "calibration_trainings": "none"}


@pytest.fixture
def access(tmp_path):
    opened = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    yield opened
    opened.engine.dispose()


def photographs(folder, count=5, mode="RGB", side=100, start=0):
    folder.mkdir()
    for number in range(start, start + count):
        shape = (side, side - 20) if mode == "L" else (side, side - 20, 3)
        noise = np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
    return folder


def stored(access):
    with reading(access.engine) as conn:
        store = training_store(conn, access.workspace, 1)
    return store.take(np.arange(len(store)))


def seen(access, position):
    return decode(picture(access, None, position).content, "seen")


def again(access, *wanted, **options):
    job_id = make_pixels_again(access, None, WantedPixels(*wanted, **options))
    small_project.run_jobs(access)
    return job_status(access, job_id)


def whole(access):
    found = verify_workspace(access.workspace)
    assert found.ok, found.every_problem
    # nothing is left lying about
    return [each for each in found.leftovers if ".npy" in each]


@pytest.mark.slow
@pytest.mark.parametrize("aspect", list(Aspect))
def test_files_are_decoded_again_at_any_size_and_aspect(access, tmp_path, aspect) -> None:
    create_project(access, "Photographs", ["a", "b"])
    import_images(access, None, str(photographs(tmp_path / "photographs")))
    small_project.run_jobs(access)
    before = [seen(access, position) for position in range(5)]
    assert again(access, 96, aspect)["state"] == JobState.DONE
    assert stored(access).shape == (5, 96, 96, 3)
    for position, original in enumerate(before):
        assert np.array_equal(seen(access, position), original)
        assert np.array_equal(stored(access)[position], fit(original, 96, 3, aspect))
        small = Image.open(io.BytesIO(thumbnail(access, None, position).content))
        assert np.array_equal(np.array(small), stored(access)[position])
    with reading(access.engine) as conn:
        settings = projects.find_project(conn, 1).settings
    assert (settings.image_size, settings.aspect) == (96, aspect)
    assert whole(access) == []
    # the next import joins the store as it is now
    import_images(access, None, str(photographs(tmp_path / "more", 2, start=9)))
    small_project.run_jobs(access)
    assert np.array_equal(stored(access)[5], fit(seen(access, 5), 96, 3, aspect))


def test_rows_without_an_original_keep_every_detail(project) -> None:
    rows = stored(project)
    for size in (16, 8, 12):
        again(project, size)
        assert stored(project).shape[1] == size
        for position in (0, 7, 159):
            assert np.array_equal(seen(project, position).reshape(8, 8), rows[position, :, :, 0])
    assert np.array_equal(stored(project)[7], fit(rows[7], 12, 1))
    again(project, 8)
    assert np.array_equal(stored(project), rows)
    assert whole(project) == []


def test_encoders_read_what_was_imported_and_not_the_smaller_store(access, tmp_path) -> None:
    from types import SimpleNamespace

    from sslapp.usecases.images.encoder_jobs import pixels_for

    rows = np.random.default_rng(0).integers(0, 256, (4, 48, 48), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", train_images=rows)
    create_project(access, "Arrays", ["a", "b"])
    import_images(access, None, str(tmp_path / "set.npz"))
    small_project.run_jobs(access)
    again(access, 16)
    with reading(access.engine) as conn:
        encoder = SimpleNamespace(side=48, aspect=Aspect.PAD, resample="bicubic")
        found = pixels_for(conn, access.workspace, 1, encoder)
    assert np.array_equal(found.take(np.arange(4))[..., 0], rows)


def test_images_that_an_earlier_version_kept_small_are_counted(access, tmp_path) -> None:
    rows = np.random.default_rng(0).integers(0, 256, (4, 90, 90), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", train_images=rows)
    create_project(access, "Arrays", ["a", "b"])
    import_images(access, None, str(tmp_path / "set.npz"))
    small_project.run_jobs(access)
    assert store_shape(access, 1) == StoreShape(64, 1)
    with writing(access.engine) as conn:
        conn.execute(image.update().where(image.c.position < 3).values(original=None))
    assert store_shape(access, 1) == StoreShape(64, 1, reduced=3)
    again(access, 96)
    assert store_shape(access, 1) == StoreShape(96, 1, reduced=3)


def test_a_round_that_has_begun_goes_on_with_its_pixels(project) -> None:
    """Its predictions are those of a round that nothing came between, bit for bit."""
    start_round(project, None, method="supervised", config={**FEW_STEPS})
    small_project.run_jobs(project)
    with reading(project.engine) as conn:
        first = rounds.finished_round(conn, 1, 1)
        undisturbed = np.array(first.read_probabilities(project.workspace))
        plan = first.plan
    assert plan[rounds.PIXELS] == [_segment(project)]

    # the same round, planned and then interrupted
    start_round(project, None, method="supervised", config={**FEW_STEPS}, same_as=1)
    cancel_round(project, None)
    with writing(project.engine) as conn:
        second = rounds.find_round(conn, 1, 2)
        older = {name: value for name, value in plan.items() if name != rounds.PIXELS}
        rounds.change_round(conn, second.id, {"plan": older})  # of a version before this record
    again(project, 20)
    resume_round(project, None, 2)
    small_project.run_jobs(project)
    assert round_status(project, None, 2)["state"] == JobState.DONE
    with reading(project.engine) as conn:
        found = rounds.finished_round(conn, 1, 2).read_probabilities(project.workspace)
        assert np.array_equal(found, undisturbed)
        assert np.array_equal(
            rounds.finished_round(conn, 1, 1).read_probabilities(project.workspace), undisturbed
        )

    assert whole(project) == []


def test_pixels_go_when_neither_the_project_nor_a_round_needs_them(project) -> None:
    def segments():
        return {project.workspace.relative(each) for each in _pixel_files(project)}

    imported = _segment(project)
    again(project, 12)
    second = _segment(project)
    start_round(project, None, method="supervised", config={**FEW_STEPS})
    cancel_round(project, None)
    with writing(project.engine) as conn:  # as if it had begun
        found = rounds.find_round(conn, 1)
        rounds.change_round(conn, found.id, {"plan": {rounds.PIXELS: [second]}})
    again(project, 16)
    assert segments() == {imported, second, _segment(project)}
    with writing(project.engine) as conn:
        rounds.change_round(conn, found.id, {"plan": {}})
    resume_round(project, None)
    small_project.run_jobs(project)
    with reading(project.engine) as conn:
        assert rounds.finished_round(conn, 1).plan[rounds.PIXELS] == [_segment(project)]
    again(project, 10)
    assert segments() == {imported, _segment(project)}
    assert whole(project) == []


def _pixel_files(access):
    return access.workspace.jobs.rglob("pixels*.npy")


def _segment(access):
    with reading(access.engine) as conn:
        (only,) = images.image_sets(conn, 1)
    return only.pixels


class Interrupted(Exception):
    pass


def test_what_is_interrupted_changes_nothing(project, monkeypatch) -> None:
    before, segment = stored(project), _segment(project)
    make_pixels_again(project, None, WantedPixels(32))
    claim = queue.claim(project.engine, 1)
    context = JobContext(project.workspace, project.engine, claim, threads=1, log=None)

    def die(*_args, **_options):
        raise Interrupted

    monkeypatch.setattr(projects, "change_settings", die)  # in the last transaction
    with pytest.raises(Interrupted):
        run_pixels(context)
    assert _segment(project) == segment
    assert np.array_equal(stored(project), before)


def test_an_import_that_came_between_is_made_again_too(access, tmp_path, monkeypatch) -> None:
    from sslapp.usecases.images import pixels_again

    create_project(access, "Photographs", ["a", "b"])
    import_images(access, None, str(photographs(tmp_path / "first")))
    small_project.run_jobs(access)
    make_pixels_again(access, None, WantedPixels(40))
    claim = queue.claim(access.engine, 1)
    context = JobContext(access.workspace, access.engine, claim, threads=1, log=None)
    switch = pixels_again._switch

    def import_then_switch(*given):
        if len(stored(access)) == 5:
            other = photographs(tmp_path / "second", 3, start=20)
            job = import_images(access, None, str(other))
            with writing(access.engine) as conn:  # another machine's worker takes it
                queue.set_params(conn, job, queue.read_job(conn, job)["params"])
            _run_elsewhere(access)
        return switch(*given)

    monkeypatch.setattr(pixels_again, "_switch", import_then_switch)
    run_pixels(context)
    assert stored(access).shape == (8, 40, 40, 3)
    assert np.array_equal(stored(access)[6], fit(seen(access, 6), 40, 3))


def _run_elsewhere(access) -> None:
    """Run the queued job beside the running one, as a worker of another machine would."""
    import socket
    from unittest.mock import patch

    from sslapp.usecases.images.incoming.imports import run_import

    with patch.object(socket, "gethostname", lambda: "elsewhere"):
        claim = queue.claim(access.engine, 2)
    run_import(JobContext(access.workspace, access.engine, claim, threads=1, log=None))


def test_an_import_under_way_takes_the_shape_of_the_store_made_meanwhile(
    access, tmp_path, monkeypatch
) -> None:
    from sslapp.usecases.images.incoming import imports

    create_project(access, "Photographs", ["a", "b"])
    import_images(access, None, str(photographs(tmp_path / "first")))
    small_project.run_jobs(access)
    import_images(access, None, str(photographs(tmp_path / "second", 3, start=20)))
    claim = queue.claim(access.engine, 1)
    context = JobContext(access.workspace, access.engine, claim, threads=1, log=None)
    add = imports._add

    def switch_then_add(*given):
        if stored(access).shape[1] != 40:
            import socket
            from unittest.mock import patch

            make_pixels_again(access, None, WantedPixels(40))
            with patch.object(socket, "gethostname", lambda: "elsewhere"):
                other = queue.claim(access.engine, 2)
            run_pixels(JobContext(access.workspace, access.engine, other, threads=1, log=None))
        return add(*given)

    monkeypatch.setattr(imports, "_add", switch_then_add)
    imports.run_import(context)
    assert stored(access).shape == (8, 40, 40, 3)


def test_intensities_change_with_the_store(access, tmp_path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(3):
        ramp = np.linspace(0, 500, 1024).reshape(32, 32) + 300 * number
        Image.fromarray(ramp.astype(np.uint16)).save(folder / f"{number}.png")
    create_project(access, "Scans", ["a", "b"], ProjectSettings(intensities=Intensities.EXTREMES))
    import_images(access, None, str(folder))
    small_project.run_jobs(access)
    before = picture(access, None, 2)
    again(access, intensities=Intensities.SET)
    assert store_shape(access, 1).size == 32
    after = picture(access, None, 2)
    assert before.tag != after.tag
    assert np.array_equal(decode(after.content, "seen"), stored(access)[2, :, :, 0])
    means = stored(access).mean(axis=(1, 2, 3))
    assert np.diff(means).min() > 40  # brighter ones stay brighter
    with reading(access.engine) as conn:
        settings = projects.find_project(conn, 1).settings
    assert settings.intensities is Intensities.SET
    assert settings.intensity_limits == (pytest.approx(8, abs=5), pytest.approx(1092, abs=5))


def test_what_is_refused(access, tmp_path, project) -> None:
    create_project(access, "Empty", ["a", "b"], ProjectSettings(grey=True))
    with pytest.raises(Refused, match="no images yet"):
        make_pixels_again(access, None, WantedPixels(64))
    import_images(access, None, str(photographs(tmp_path / "photographs", 2)))
    small_project.run_jobs(access)
    for size in (7, 1025):
        with pytest.raises(Refused, match=f"size: {size} pixels"):
            make_pixels_again(access, None, WantedPixels(size))
    with pytest.raises(Refused, match="keeps grey images"):
        make_pixels_again(access, None, WantedPixels(64, colour=True))
    stranger = enter(project.workspace, "Stranger")
    with pytest.raises(NotAllowed):
        make_pixels_again(stranger, 1, WantedPixels(64))
    stranger.engine.dispose()


def test_a_later_import_that_is_larger_or_in_colour_says_so(access, tmp_path) -> None:
    create_project(access, "First decides", ["a", "b"])
    first = import_images(access, None, str(photographs(tmp_path / "small", 2, "L", side=36)))
    small_project.run_jobs(access)
    assert job_status(access, first)["result"]["notes"] == []
    again(access, 16)
    large = import_images(access, None, str(photographs(tmp_path / "large", 3, side=160)))
    small_project.run_jobs(access)
    (note,) = job_status(access, large)["result"]["notes"]
    assert "16 x 16 grey pixels" in note
    assert "of 3 images larger 3, in colour 3." in note
    assert "sslapp pixels" in note
    again(access, 64, colour=True)
    assert stored(access).shape == (5, 64, 64, 3)
    assert np.array_equal(stored(access)[3], fit(seen(access, 3), 64, 3))


def test_an_embedding_works_after_the_store_was_made_again(project) -> None:
    again(project, 16)
    job = embed(project, None)
    small_project.run_jobs(project)
    assert job_status(project, job)["state"] == JobState.DONE


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_store_that_was_lost_is_made_of_originals(access, tmp_path, mode) -> None:
    create_project(access, "Photographs", ["a", "b"])
    imported = import_images(access, None, str(photographs(tmp_path / "set", mode=mode)))
    small_project.finish(access, imported)
    before = stored(access)
    with reading(access.engine) as conn:
        (found,) = images.image_sets(conn, 1)
    lost = access.workspace.path(found.pixels)
    lost.unlink()
    (wrong,) = verify_workspace(access.workspace).every_problem
    assert "is missing" in wrong and "sslapp pixels" in wrong
    row = small_project.finish(access, make_pixels_again(access, None, WantedPixels()))
    assert row["state"] == JobState.DONE, row["error"]
    np.testing.assert_array_equal(stored(access), before)
    whole(access)


def test_rows_that_no_original_has_are_not_made_of_nothing(project) -> None:
    with reading(project.engine) as conn:
        (found, *_) = images.image_sets(conn, 1)
    project.workspace.path(found.pixels).unlink()
    row = small_project.finish(project, make_pixels_again(project, None, WantedPixels()))
    assert row["state"] == JobState.FAILED
    assert "pixels" in row["error"]
