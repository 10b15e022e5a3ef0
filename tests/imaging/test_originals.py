import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from sslapp.imaging.originals import OriginalsWriter, original_path


def test_a_file_lies_where_its_hash_says_and_once(tmp_path):
    writer = OriginalsWriter(tmp_path)
    contents = [bytes([number % 7]) * 100 for number in range(50)]
    with ThreadPoolExecutor(4) as pool:
        hashes = list(pool.map(writer.add, contents))
    writer.finish()
    assert hashes == [hashlib.sha256(content).hexdigest() for content in contents]
    for sha256, content in zip(hashes, contents, strict=True):
        assert original_path(tmp_path, sha256).read_bytes() == content
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 7


def test_a_name_left_without_its_content_is_repaired(tmp_path):
    sha256 = OriginalsWriter(tmp_path).add(b"picture")
    original_path(tmp_path, sha256).write_bytes(b"\0\0\0\0\0\0\0")
    OriginalsWriter(tmp_path).add(b"picture")
    assert original_path(tmp_path, sha256).read_bytes() == b"picture"


@pytest.mark.parametrize(
    "name", ["..", "../" * 20 + "etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n"]
)
def test_only_a_hash_names_an_original(tmp_path, name):
    with pytest.raises(ValueError, match="not the sha256"):
        original_path(tmp_path, name)
