"""Pictures as pages show them: the original where a browser shows it right, else a PNG."""

import io

import numpy as np
import pytest
import small_project
from PIL import Image, ImageCms

from sslapp.imaging.decode import browser_type, decode
from sslapp.rounds.project_pixels import training_store
from sslapp.store.database import reading
from sslapp.store.errors import Unknown
from sslapp.store.projects import ProjectSettings
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.images.pictures import picture, thumbnail, thumbnails
from sslapp.usecases.projects.settings import create_project
from sslapp.workspace import Workspace


def scene(mode: str = "RGB") -> Image.Image:
    """A picture that is different whichever way it is turned."""
    grid = np.add.outer(np.arange(24) * 9, np.arange(40) * 3).astype(np.uint8)
    return Image.fromarray(grid).convert(mode)


def file(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return file(scene(), "JPEG", exif=exif)


ALPHA = Image.new("RGBA", (8, 8), (255, 0, 0, 40))
DEEP = Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000)

SAFE = {
    "grey.png": (file(scene("L"), "PNG"), "image/png"),
    "palette.png": (file(scene("P"), "PNG"), "image/png"),
    "photo.jpg": (file(scene(), "JPEG"), "image/jpeg"),
    "photo.webp": (file(scene(), "WEBP"), "image/webp"),
    "still.gif": (file(scene("P"), "GIF"), "image/gif"),
}
UNSAFE = {
    "turned.jpg": turned(),
    "moving.gif": file(scene("P"), "GIF", save_all=True, append_images=[scene("P").rotate(180)]),
    "clear.png": file(ALPHA, "PNG"),
    "cmyk.jpg": file(scene("CMYK"), "JPEG"),
    "deep.png": file(DEEP, "PNG"),
    "scan.tif": file(scene(), "TIFF"),
    "old.bmp": file(scene(), "BMP"),
}


@pytest.mark.parametrize("name", SAFE)
def test_a_file_that_browsers_show_right_is_given_as_it_is(name) -> None:
    content, media_type = SAFE[name]
    assert browser_type(content) == media_type


@pytest.mark.parametrize("name", UNSAFE)
def test_a_file_that_browsers_show_otherwise_is_not(name) -> None:
    assert browser_type(UNSAFE[name]) is None


def test_damage_and_what_is_no_picture_have_no_type() -> None:
    for content in (b"", b"<svg onload=alert(1)>", b"\x89PNG\r\n\x1a\n", turned()[:40]):
        assert browser_type(content) is None


@pytest.fixture
def files(tmp_path):
    """A project of all these files."""
    folder = tmp_path / "files"
    folder.mkdir()
    for name, content in {**{n: c for n, (c, _) in SAFE.items()}, **UNSAFE}.items():
        (folder / name).write_bytes(content)
    access = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    create_project(access, "Files", ["a", "b"], ProjectSettings(image_size=16))
    import_images(access, None, str(folder))
    small_project.run_jobs(access)
    yield access, sorted([*SAFE, *UNSAFE])
    access.engine.dispose()


def test_what_is_seen_is_what_was_decoded(files) -> None:
    access, names = files
    for position, name in enumerate(names):
        original = SAFE[name][0] if name in SAFE else UNSAFE[name]
        found = picture(access, None, position)
        assert found.media_type == (SAFE[name][1] if name in SAFE else "image/png"), name
        assert (found.content == original) == (name in SAFE)
        assert np.array_equal(decode(found.content, name), decode(original, name)), name
        assert browser_type(found.content) is not None


def test_the_colours_of_a_profile_are_the_same_in_all_that_is_seen_and_learned(tmp_path) -> None:
    """In it red and blue have changed places: what is stored as red means blue."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for old, new in ((b"rXYZ", b"none"), (b"bXYZ", b"rXYZ"), (b"none", b"bXYZ")):
        profile = profile.replace(old, new)
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (32, 32), (200, 0, 20)).save(folder / "a.png", icc_profile=profile)
    access = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    create_project(access, "Photos", ["a", "b"])
    import_images(access, None, str(folder))
    small_project.run_jobs(access)
    seen = decode(picture(access, None, 0).content, "seen")
    assert seen[0, 0, 2] > 150
    assert seen[0, 0, 0] < 60
    assert (decode(thumbnail(access, None, 0).content, "small") == seen[0, 0]).all()
    with reading(access.engine) as conn:
        learned = training_store(conn, access.workspace, 1).take(np.arange(1))
    assert (learned == seen[0, 0]).all()
    access.engine.dispose()


def test_a_row_of_an_array_is_a_png_of_its_own_size(project) -> None:
    found = picture(project, None, 5)
    rows, _ = small_project.digits(6)
    assert np.array_equal(decode(found.content, "row"), rows[5])
    assert found.tag != picture(project, None, 6).tag


def test_thumbnails_come_in_the_order_asked_for(project) -> None:
    made = thumbnails(project, None, [7, 3, 7], side=48)
    assert made[0] == made[2] != made[1]
    assert Image.open(io.BytesIO(made[0])).size == (48, 48)
    assert thumbnails(project, None, []) == []
    assert thumbnail(project, None, 3).content == thumbnails(project, None, [3])[0]


def test_only_members_see_and_only_what_is_there(project) -> None:
    stranger = enter(project.workspace, "Stranger")
    for ask in (picture, thumbnail):
        with pytest.raises(Unknown):
            ask(project, None, 9999)
        with pytest.raises(NotAllowed):
            ask(stranger, 1, 0)
    with pytest.raises(NotAllowed):
        thumbnails(stranger, 1, [0])
    for wrong in ([0, 9999], [-1]):
        with pytest.raises(Unknown):
            thumbnails(project, None, wrong)
    stranger.engine.dispose()
