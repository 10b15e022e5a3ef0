"""Many files in one upload become an archive, however they are cut; nothing half stays."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from sslapp.datasets.registry import open_source
from sslapp.usecases.access import enter
from sslapp.usecases.images.incoming.loose_files import HEAD, LONGEST_PATH, LooseFiles
from sslapp.usecases.images.incoming.uploads import TooLarge, find_upload
from sslapp.workspace import Workspace


@pytest.fixture
def access(tmp_path):
    made = enter(Workspace(workspace=tmp_path, upload_limit=5000), "Ann")
    yield made
    made.engine.dispose()


def there(access) -> list[str]:
    return sorted(path.suffix for path in access.workspace.uploads.glob("*"))


def framed(path: str, content: bytes) -> bytes:
    named = path.encode()
    return HEAD.pack(len(named), len(content)) + named + content


def png(seed: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 4), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_files_arrive_in_whatever_pieces_and_become_members(access, step) -> None:
    files = {"pets/cat/ü 1.png": png(1), "pets/dog/2.png": png(2), "pets/empty.txt": b""}
    body = b"".join(framed(path, content) for path, content in files.items())
    incoming = LooseFiles(access, "pets", len(body))
    for start in range(0, len(body), step):
        incoming.write(body[start : start + step])
    assert there(access) == [".part"]
    made, path = find_upload(access, incoming.finish().id)
    assert (made.name, made.suffix) == ("pets.zip", ".zip")
    with zipfile.ZipFile(path) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files
        assert archive.testzip() is None
        assert {each.compress_type for each in archive.infolist()} == {zipfile.ZIP_STORED}


@pytest.mark.parametrize("name", ["../../evil.png", "/etc/evil.png", "a\\..\\evil.png", ".x/e.png"])
def test_a_name_that_means_a_place_is_refused_as_in_an_archive(access, name) -> None:
    incoming = LooseFiles(access, "pets", None)
    incoming.write(framed("a/good.png", png(1)) + framed(name, png(2)))
    _, path = find_upload(access, incoming.finish().id)
    source = open_source(str(path))
    assert len(source) == 1
    assert [each.name for each in source.refused] == [name]
    assert not [*access.workspace.root.rglob("evil.png")]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no file"),
        (b"\0" * 5, "Not all"),
        (framed("a.png", b"12345")[:-1], "Not all"),
        (framed("a\0.png", b"1"), "NUL"),
        (framed("folder/", b""), "ends as a folder"),
        (framed("a" * (LONGEST_PATH + 1), b""), "4,096 are read"),
        (framed("", b"1"), "1 to 4,096"),
        (HEAD.pack(1, 1) + b"\xff1", "no UTF-8"),
    ],
)
def test_what_is_no_such_sequence_is_refused_and_leaves_nothing(access, body, words) -> None:
    incoming = LooseFiles(access, "pets", None)
    with pytest.raises(ValueError, match=words):
        incoming.write(body)
        incoming.finish()
    incoming.abort()
    assert there(access) == []


def test_the_limit_holds_for_all_of_them_together(access) -> None:
    with pytest.raises(TooLarge, match="more than the 5,000 bytes"):
        LooseFiles(access, "pets", 5001)
    incoming = LooseFiles(access, "pets", None)
    with pytest.raises(TooLarge, match="SSLAPP_UPLOAD_LIMIT"):
        for number in range(20):
            incoming.write(framed(f"{number}.png", bytes(500)))
    incoming.abort()
    assert there(access) == []
