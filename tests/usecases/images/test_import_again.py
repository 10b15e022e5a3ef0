"""Imports into a project that has images: only what is new, whatever was killed on the way."""

import io
import signal
import zipfile
import zlib

import doomed
import numpy as np
import pytest
import small_project
from PIL import Image

from sslapp.store.database import reading
from sslapp.store.images import contents
from sslapp.usecases.access import enter
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.images.incoming.notes import notes_of, nothing_new
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.vocabulary import JobState
from sslapp.workspace import Workspace


@pytest.fixture
def access(tmp_path):
    made = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    create_project(made, "Pictures", ["a", "b"])
    yield made
    made.engine.dispose()


def png(seed: int, level: int = 6) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()


def packed(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, png(zlib.crc32(f"{path.name} {name}".encode())))
    return path


def imported(access, source) -> dict:
    """The result of the import."""
    row = small_project.finish(access, import_images(access, None, str(source)))
    assert row["state"] == JobState.DONE, row["error"]
    return row["result"]


def names(access) -> list[str]:
    with reading(access.engine) as conn:
        return [name for name, _, _ in contents(conn, 1)]


@pytest.mark.slow
def test_the_same_source_again_adds_only_what_is_new(access, tmp_path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for seed in range(3):
        (folder / f"{seed}.png").write_bytes(png(seed))
    assert imported(access, folder)["images"] == 3
    again = imported(access, folder)
    assert (again["images"], again["here"], again["refused"]) == (0, 3, [])
    assert "3 images of the source are here already" in nothing_new(status(access).jobs)
    (folder / "3.png").write_bytes(png(3))
    (folder / "1.png").write_bytes(png(11))  # another picture under a name that was there
    more = imported(access, folder)
    assert (more["images"], more["here"]) == (2, 2)
    assert names(access) == ["0.png", "1.png", "2.png", "1.png", "3.png"]
    assert nothing_new(status(access).jobs) == ""
    assert small_project.damage(access) is None


def test_the_same_file_elsewhere_is_named_and_equal_pixels_are_taken_and_told(
    access, tmp_path
) -> None:
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
    (tmp_path / "one" / "a.png").write_bytes(png(1))
    (tmp_path / "other" / "moved.png").write_bytes(png(1))
    (tmp_path / "other" / "repacked.png").write_bytes(png(1, level=0))
    (tmp_path / "other" / "new.png").write_bytes(png(2))
    imported(access, tmp_path / "one")
    found = imported(access, tmp_path / "other")
    assert (found["images"], found["here"]) == (2, 0)
    assert found["refused"] == [
        {
            "name": "moved.png (here as a.png)",
            "reason": "the project has this very file already",
        }
    ]
    assert (
        "1 image taken in whose pixels are those of another: repacked.png as a.png."
        in (found["notes"])
    )
    assert notes_of(status(access).jobs)[1] == found["notes"]


def test_a_class_with_a_space_behind_it_is_the_one_that_is_there(access, tmp_path) -> None:
    create_project(access, "Pets")
    for number in (1, 2):
        source = packed(tmp_path / f"{number}.zip", f"cat /{number}.png", f"dog/{number}.png")
        row = small_project.finish(access, import_images(access, "Pets", str(source)))
        assert row["state"] == JobState.DONE, row["error"]
        assert row["result"]["images"] == 2
        assert [each.name for each in status(access, "Pets").classes] == ["cat", "dog"]


def test_names_that_look_the_same_make_no_two_classes(access, tmp_path) -> None:
    create_project(access, "Names")
    names = ("M\u00fcller/1.png", "Mu\u0308ller/1.png", "M\u00fcller/2.png", "Mu\u0308ller/3.png")
    source = packed(tmp_path / "twins.zip", *names, "Weber/1.png")
    row = small_project.finish(access, import_images(access, "Names", str(source)))
    assert row["state"] == JobState.DONE, row["error"]
    assert [each.name for each in status(access, "Names").classes] == ["M\u00fcller", "Weber"]
    (refused,) = row["result"]["refused"]
    assert "rename one" in refused["reason"]


def test_rows_of_arrays_that_are_there_are_not_taken_again(access, tmp_path) -> None:
    pictures, _ = small_project.digits(6)
    np.savez(tmp_path / "digits.npz", train_images=pictures[:4])
    assert imported(access, tmp_path / "digits.npz")["images"] == 4
    np.savez(tmp_path / "digits.npz", train_images=pictures)
    more = imported(access, tmp_path / "digits.npz")
    assert (more["images"], more["here"]) == (2, 4)


def test_new_images_that_show_the_same_as_a_test_image_are_named(access, tmp_path) -> None:
    pictures, _ = small_project.digits(8)
    for kind in ("test", "train"):
        (tmp_path / "set" / kind).mkdir(parents=True)
    for number, picture in enumerate(pictures[:4]):
        kind = "test" if number == 0 else "train"
        Image.fromarray(picture).save(tmp_path / "set" / kind / f"{number}.png")
    (tmp_path / "more").mkdir()
    brighter = np.clip(pictures[0].astype(int) + 10, 0, 255).astype(np.uint8)
    Image.fromarray(brighter).save(tmp_path / "more" / "again.png")
    Image.fromarray(pictures[7]).save(tmp_path / "more" / "other.png")
    imported(access, tmp_path / "set")
    (told,) = imported(access, tmp_path / "more")["notes"]
    assert "(1): again.png as test/0.png." in told


def test_an_import_that_was_killed_is_begun_again_and_says_so(access, tmp_path, launcher) -> None:
    source = small_project.write_npz(tmp_path / "digits.npz")
    root = access.workspace.root
    create_project(access, "Numbers", [str(each) for each in range(10)])
    job = import_images(access, "Numbers", str(source))
    access.engine.dispose()
    assert launcher.run(root, doomed.WORKER, die_at=3) == -signal.SIGKILL
    assert launcher.run(root, doomed.WORKER) == 0
    row = small_project.job_status(access, job)
    found = status(access, "Numbers")
    assert (row["state"], found.counts["images"], len(found.sets)) == (JobState.DONE, 160, 1)
    assert row["attempt"] == 2
    assert "interrupted once and begun again" in row["result"]["notes"][0]
