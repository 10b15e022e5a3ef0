"""Images that may show a name are held back, let out blacked out or as they are, or thrown away."""

import io
import os
import signal
from collections.abc import Callable

import numpy as np
import pytest
import small_project
from burned_in import NAME, TEXT, file, picture, ultrasounds
from PIL import Image
from pydicom import uid

from sslapp.datasets.pictures.reading import Reading, TextChoice
from sslapp.imaging.decode import decode
from sslapp.imaging.rectangles import Rectangle
from sslapp.store.database import reading
from sslapp.store.errors import Refused, Unknown
from sslapp.store.images import contents, groups
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.exporting.exports import export
from sslapp.usecases.images import pictures, removal
from sslapp.usecases.images.incoming import imports
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.images.incoming.quarantine import screening
from sslapp.usecases.images.incoming.quarantine.looking_through import (
    brightest,
    held_picture,
    held_series,
    picture_of_series,
)
from sslapp.usecases.images.incoming.quarantine.releasing import discard, release
from sslapp.usecases.images.metadata import metadata_columns
from sslapp.usecases.images.withdrawal import withdraw
from sslapp.usecases.labelling.decisions import label
from sslapp.usecases.maintenance.backups import backup, restore
from sslapp.usecases.maintenance.verification import rebuild, verify_workspace
from sslapp.usecases.people.members import grant
from sslapp.usecases.projects.deletion import delete_project
from sslapp.usecases.projects.status import status
from sslapp.vocabulary import EventKind, JobState, Role
from sslapp.workspace import Workspace

BACK = Reading(burned_in=TextChoice.HOLD_BACK)
PART = Rectangle(*TEXT)
ROWS, COLUMNS = slice(PART.y, PART.y + PART.height), slice(PART.x, PART.x + PART.width)


@pytest.fixture
def access(ward_access):
    return ward_access


@pytest.fixture
def without_detector(monkeypatch) -> None:
    monkeypatch.setattr(screening, "is_installed", lambda: False)


def done(access, job_id: int) -> dict:
    row = small_project.finish(access, job_id)
    assert row["state"] == JobState.DONE, row["error"]
    return row["result"]


def brought(access, folder, wanted: Reading | None = BACK) -> dict:
    return done(access, import_images(access, None, str(folder), reading=wanted))


def let_out(access, series, *parts: Rectangle) -> dict:
    result = done(access, release(access, None, series, parts))
    small_project.run_jobs(access)  # the removal
    return result


def held_files(access) -> list[str]:
    below = access.workspace.root / "quarantine"
    return sorted(each.name for each in below.rglob("*") if each.is_file())


def images_here(access) -> int:
    return status(access).counts["images"]


def held_images(access) -> int:
    return sum(each.images for each in held_series(access, None))


def names(access) -> list[str]:
    with reading(access.engine) as conn:
        return [name for name, _, _ in contents(conn, 1)]


def shown(access, position: int) -> np.ndarray:
    return decode(pictures.picture(access, None, position).content, "shown")


@pytest.mark.slow
def test_what_may_show_a_name_waits_for_an_admin_and_comes_as_it_would_have(
    access, tmp_path, without_detector
) -> None:
    folder = ultrasounds(tmp_path / "in")
    result = brought(access, folder)
    assert (result["images"], result["held_back"], result["refused"]) == (0, 6, [])
    told = " ".join(result["notes"])
    assert "Held back: 6 images of 2 series" in told
    assert "pip install sslapp[ocr]" in told
    first, second = held_series(access, None)
    assert (first.images, first.modality, first.sizes) == (3, "US", ((128, 128),))
    again = brought(access, folder)
    assert (again["images"], again["here"], again["held_back"]) == (0, 6, 0)

    let_out(access, [first.label], PART)
    assert images_here(access) == 3
    assert [each.series for each in held_series(access, None)] == [second.series]
    assert len(held_files(access)) == 4
    assert all(first.label in each for each in names(access))
    with reading(access.engine) as conn:
        assert len(set(groups(conn, 1))) == 1
    assert "Modality" in {each.name for each in metadata_columns(access, None)}

    let_out(access, [second.series])
    assert images_here(access) == 6
    assert (held_series(access, None), held_files(access)) == ([], [])
    logged = [
        each.payload["released"]["rectangles"]
        for each in small_project.log(access)
        if each.kind is EventKind.IMPORT and each.reader_id == access.reader_id
    ]
    assert logged == [[list(TEXT)], []]
    assert small_project.damage(access) is None
    assert rebuild(access.workspace) == ["Ward"]
    found = verify_workspace(access.workspace)
    assert found.ok, found.every_problem
    for wanted in (BACK, Reading(burned_in=TextChoice.TAKE)):
        last = brought(access, folder, wanted)
        assert (last["images"], last["here"], last["held_back"]) == (0, 6, 0)


def jpeg(values: np.ndarray) -> bytes:
    target = io.BytesIO()
    Image.fromarray(values).save(target, "JPEG", quality=95)
    return target.getvalue()


def test_no_picture_that_leaves_shows_what_was_blacked_out(
    access, tmp_path, without_detector
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    values = picture()
    colours = np.repeat(values[:, :, None], 3, axis=2)
    # without one its greys follow from its values, and without the name these are others
    window = {"WindowCenter": 2048, "WindowWidth": 4096}
    files = {
        "grey": file(values, 1, 1),
        "inverse": file(255 - values, 1, 2, PhotometricInterpretation="MONOCHROME1"),
        "deep": file(values.astype(np.uint16) * 16, 1, 3, BitsStored=12, HighBit=11, **window),
        "colours": file(colours, 1, 4),
        "packed": file(values, 1, 5, frames=[jpeg(values)], syntax=uid.JPEGBaseline8Bit),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    brought(access, folder)
    (series,) = held_series(access, None)
    before = [decode(picture_of_series(access, None, series.series, at), "held") for at in range(5)]
    let_out(access, [series.label], PART)
    for position in range(5):
        label(access, None, position, "normal")
    done(access, export(access, None, tmp_path / "out"))
    files_out = [each.read_bytes() for each in (tmp_path / "out").rglob("*") if each.is_file()]
    exported = [
        decode(each, "out") for each in files_out if each.startswith((b"\x89PNG", b"de-id"))
    ]
    assert len(exported) == 5
    for each in exported:
        assert not each[ROWS, COLUMNS].any()
    for position, was in enumerate(before):
        now = shown(access, position)
        assert was[ROWS, COLUMNS].max() > 200
        assert not now[ROWS, COLUMNS].any()
        if was.ndim == now.ndim and series.pictures[position].image == names(access)[position]:
            outside = np.ones(now.shape[:2], bool)
            outside[ROWS, COLUMNS] = False
            assert np.abs(was[outside].astype(int) - now[outside]).max() <= 1


@pytest.mark.slow
@pytest.mark.skipif(
    not screening.is_installed() and os.environ.get("SSLAPP_REQUIRE_ALL") != "1",
    reason="needs the extra [ocr]: pip install -r requirements-ocr.txt",
)
def test_text_that_no_header_tells_of_is_found(access, tmp_path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    silent = {"SOPClassUID": uid.CTImageStorage, "Modality": "CT"}
    (folder / "name").write_bytes(file(picture(), 1, 1, **silent))
    (folder / "deny").write_bytes(file(picture(seed=2), 2, 2, BurnedInAnnotation="NO"))
    (folder / "none").write_bytes(file(picture("", seed=3), 3, 3, **silent))
    left = brought(access, folder, Reading(burned_in=TextChoice.LEAVE_OUT))
    assert (left["images"], left["held_back"]) == (1, 0)
    assert [each["reason"] for each in left["refused"]] == [
        "text was found in its picture, which may be a name"
    ] * 2
    result = brought(access, folder, None)
    assert (result["images"], result["here"], result["held_back"]) == (0, 1, 2)
    assert "of 2 images and found in 2" in " ".join(result["notes"])
    for each in held_series(access, None):
        (box,) = each.pictures[0].boxes
        assert box.x < 30
        assert box.x + box.width > 70
        assert 0 <= box.y <= PART.y + PART.height / 2 <= box.y + box.height


def test_what_is_discarded_is_gone_and_comes_again_with_its_source(
    access, tmp_path, without_detector
) -> None:
    folder = ultrasounds(tmp_path / "in")
    brought(access, folder)
    first, second = held_series(access, None)
    assert discard(access, None, [first.label]) == 3
    assert [each.series for each in held_series(access, None)] == [second.series]
    small_project.run_jobs(access)
    assert len(held_files(access)) == 4
    again = brought(access, folder)
    assert (again["here"], again["held_back"]) == (3, 3)
    assert discard(access, None, [first.label, second.label]) == 6
    small_project.run_jobs(access)
    assert held_files(access) == []
    assert images_here(access) == 0


def test_every_door_is_an_admins_alone(access, tmp_path, without_detector) -> None:
    brought(access, ultrasounds(tmp_path / "in", series=1, images=1))
    (series,) = held_series(access, None)
    grant(access, None, "Bo", Role.ADJUDICATOR)
    bo = enter(access.workspace, "Bo")
    doors: list[Callable[[], object]] = [
        lambda: held_series(bo, None),
        lambda: held_picture(bo, None, series.pictures[0].image),
        lambda: picture_of_series(bo, None, series.series, 0),
        lambda: brightest(bo, None, series.series, 128, 128),
        lambda: release(bo, None, [series.label]),
        lambda: discard(bo, None, [series.label]),
    ]
    for each in doors:
        with pytest.raises(NotAllowed):
            each()
    bo.engine.dispose()


def test_what_cannot_be_asked_for_is_refused(access, tmp_path, without_detector) -> None:
    brought(access, ultrasounds(tmp_path / "in", images=1))
    first, second = held_series(access, None)
    with pytest.raises(Unknown, match='No series "feed" is held back'):
        release(access, None, [first.label, "feed"])
    with pytest.raises(Refused, match="Name a series"):
        discard(access, None, [])
    with pytest.raises(Refused, match=r"128,0,5,5 lies outside of .* 128 x 128 pixels"):
        release(access, None, [first.label], [Rectangle(128, 0, 5, 5)])
    job_id = release(access, None, [first.label])
    for command in (release, discard):
        with pytest.raises(Refused, match=f"Job {job_id} lets one of these series out"):
            command(access, None, [second.label, first.label])
    with pytest.raises(Unknown):
        held_picture(access, None, "none")
    with pytest.raises(Unknown):
        picture_of_series(access, None, first.series, 1)
    with pytest.raises(Unknown):
        brightest(access, None, first.series, 5, 5)


def test_the_brightest_of_all_shows_what_stands_in_some(access, tmp_path, without_detector) -> None:
    folder = ultrasounds(tmp_path / "in", series=1, images=2, text="")
    (folder / "named").write_bytes(file(picture(), 1, 3))
    brought(access, folder)
    (series,) = held_series(access, None)
    found = decode(brightest(access, None, series.series, *series.sizes[0]), "brightest")
    singles = [decode(picture_of_series(access, None, series.series, at), "one") for at in range(3)]
    assert (found == np.max(singles, axis=0)).all()
    assert (found[ROWS, COLUMNS] == 250).any()


def test_nothing_of_it_is_in_a_backup_and_a_deleted_project_leaves_none(
    access, tmp_path, without_detector
) -> None:
    brought(access, ultrasounds(tmp_path / "in", series=1))
    backup(access, tmp_path / "b.tar")
    elsewhere = Workspace(workspace=tmp_path / "elsewhere")
    restore(tmp_path / "b.tar", elsewhere)
    there = enter(elsewhere, "Ann")
    assert held_series(there, None) == []
    assert not (elsewhere.root / "quarantine").exists()
    there.engine.dispose()
    assert any(
        "held back from a project" in each for each in verify_workspace(access.workspace).leftovers
    )
    delete_project(access, 1, "Ward")
    small_project.run_jobs(access)
    assert held_files(access) == []


def test_a_release_that_is_withdrawn_comes_again_with_its_source(
    access, tmp_path, without_detector
) -> None:
    folder = ultrasounds(tmp_path / "in", series=1, images=2)
    brought(access, folder)
    let_out(access, [held_series(access, None)[0].label], PART)
    withdraw(access, None)
    small_project.run_jobs(access)
    assert (images_here(access), held_images(access)) == (0, 0)
    assert brought(access, folder)["held_back"] == 2


# -- kills ---------------------------------------------------------------------------------------


def killed_in(access, module: object, function: str, *, first: int = 1) -> None:
    """Run what is queued in a process that is killed when a function is called so many times."""
    access.engine.dispose()
    process = os.fork()
    if not process:
        try:
            real, calls = getattr(module, function), iter(range(1, 999))

            def dies(*args: object, **named: object) -> object:
                if next(calls) >= first:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **named)

            setattr(module, function, dies)
            small_project.run_jobs(enter(access.workspace, "Ann"))
        finally:
            os._exit(1)
    _, how = os.waitpid(process, 0)
    assert os.WIFSIGNALED(how)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dies", "first"),
    [((screening.QuarantineWriter, "add"), 2), ((imports, "_add_nothing"), 1)],
    ids=["while files are written", "before the last transaction"],
)
def test_an_import_that_is_killed_holds_nothing_back_until_it_is_done(
    access, tmp_path, without_detector, dies, first
) -> None:
    job_id = import_images(access, None, str(ultrasounds(tmp_path / "in", series=1)), reading=BACK)
    killed_in(access, *dies, first=first)
    assert held_files(access)
    assert (images_here(access), held_images(access)) == (0, 0)
    assert done(access, job_id)["held_back"] == 3
    assert held_images(access) == 3
    assert len(held_files(access)) == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dies", "here"),
    [((imports, "_add"), 0), ((removal, "_unlink"), 3)],
    ids=["before the last transaction", "after it"],
)
def test_a_release_that_is_killed_leaves_images_held_back_or_imported(
    access, tmp_path, without_detector, dies, here
) -> None:
    brought(access, ultrasounds(tmp_path / "in", series=1))
    job_id = release(access, None, [held_series(access, None)[0].label], [PART])
    killed_in(access, *dies)
    assert (images_here(access), held_images(access)) == (here, 3 - here)
    assert len(held_files(access)) == 4
    done(access, job_id)
    small_project.run_jobs(access)
    assert (images_here(access), held_images(access), held_files(access)) == (3, 0, [])
    assert small_project.damage(access) is None


def test_an_import_that_fails_holds_nothing_back(
    access, tmp_path, without_detector, monkeypatch
) -> None:
    def refused(*args: object, **named: object) -> None:
        raise ValueError("no")

    monkeypatch.setattr(imports, "_add_nothing", refused)
    folder = ultrasounds(tmp_path / "in", series=1)
    row = small_project.finish(access, import_images(access, None, str(folder), reading=BACK))
    assert row["state"] == JobState.FAILED
    assert held_files(access) == []


def test_a_name_is_in_no_file_of_the_quarantine(access, tmp_path, without_detector) -> None:
    brought(access, ultrasounds(tmp_path / "in"))
    below = access.workspace.root / "quarantine"
    assert len(held_files(access)) == 8
    for each in below.rglob("*"):
        for secret in ("DOE", "JANE", "MRN-1961", NAME):
            assert secret not in str(each.relative_to(below))
            assert not each.is_file() or secret.encode() not in each.read_bytes()
