"""De-identified files hold nothing of what was planted, in whatever form."""

import base64
import gzip
import hashlib
import io
import json
import logging
import tarfile
import warnings
import zipfile
from urllib.parse import quote

import numpy as np
import pytest
from dicom_files import SECRET
from leak_search import LeakSearch
from PIL import Image, PngImagePlugin
from planted import PATIENTS, SECRETS, TEXTS, plant

from sslapp.imaging.dicom.deidentification.cleaning import cleaned
from sslapp.imaging.dicom.opening import open_dicom
from sslapp.imaging.dicom.pixels.frames import frame_count, frame_values
from sslapp.imaging.refused import RefusedFile

SEARCH = LeakSearch(SECRETS)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that codes hold what they may not is the point
        return plant(tmp_path_factory.mktemp("planted"))


def test_every_secret_is_found_in_the_files_as_they_come(planted) -> None:
    found = SEARCH.below(planted.folder.parent)
    assert {each.secret for each in found} == set(SECRETS)
    assert {each.where.split()[0] for each in found} > {"name"}
    hows = {each.how for each in found if each.secret == "佐久間原"}
    assert hows >= {"ISO 2022", "UTF-8"}


def test_nothing_that_was_planted_is_in_a_cleaned_file_or_its_report(planted, caplog) -> None:
    caplog.set_level(logging.INFO)
    for path in planted.pictures:
        before = open_dicom(path.read_bytes(), "a file")
        assert SEARCH.of(before.content, "before"), path.name
        content, report = cleaned(before, SECRET)
        assert not SEARCH.of(content, path.name)
        assert not SEARCH.of(repr(report).encode(), path.name)
        after = open_dicom(content, "a file")
        assert not SEARCH.of(repr((after.header, after.found)).encode(), path.name)
        for at in range(frame_count(before)):
            np.testing.assert_array_equal(frame_values(after, at), frame_values(before, at))
    assert not SEARCH.of(caplog.text.encode(), "log")


def test_what_is_refused_says_nothing_either(planted) -> None:
    for path in planted.others:
        with pytest.raises(RefusedFile) as refused:
            cleaned(path.read_bytes(), SECRET, "1 of 2")
        assert not SEARCH.of(str(refused.value).encode(), "message")


def _packed(text: str) -> dict[str, bytes]:
    """A text in what the search looks into."""
    zipped, tarred, picture = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.txt", text * 20)
        archive.writestr(f"{text}.txt", "")
    with tarfile.open(fileobj=tarred, mode="w") as tar:
        content = gzip.compress(text.encode())
        member = tarfile.TarInfo("inner.gz")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", text * 20, zip=True)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(picture, "PNG", pnginfo=note)
    return {"zip": zipped.getvalue(), "tar": tarred.getvalue(), "png": picture.getvalue()}


@pytest.mark.parametrize("text", [PATIENTS[0].number, "Evangelina"])
def test_the_search_finds_a_text_in_whatever_it_is_kept(text) -> None:
    search = LeakSearch([text])
    kept = _packed(text) | {
        encoding: b"\1" + text.swapcase().encode(encoding)
        for encoding in ("latin-1", "utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
    }
    for at in range(3):
        kept[f"base64 {at}"] = base64.b64encode(b"abc"[:at] + text.encode() + b"and more")
    for digest in ("md5", "sha1", "sha256"):
        hashed = hashlib.new(digest, text.encode())
        kept |= {digest: hashed.digest(), f"{digest} in words": hashed.hexdigest().encode()}
    kept["hexadecimal"] = text.encode().hex().upper().encode()
    for name, content in kept.items():
        assert search.of(content, name), name
    assert not search.of(text[:-1].encode() * 9 + bytes(range(256)), "no such thing")


def test_the_search_finds_letters_beyond_ascii_quoted_and_escaped() -> None:
    search = LeakSearch(["Öztürkmann", "佐久間原"])
    for text in ("Öztürkmann", "佐久間原"):
        for content in (quote(text), json.dumps(text), json.dumps(text, ensure_ascii=False)):
            assert search.of(content.encode(), "kept")
    assert search.of("x佐久間原".encode("iso2022_jp"), "kept")
    assert search.of("ÖZTÜRKMANN".encode(), "kept")


def test_the_search_finds_names_of_files_and_folders(tmp_path) -> None:
    (tmp_path / f"a {TEXTS[1]}").mkdir()
    assert {each.secret for each in SEARCH.below(tmp_path)} == {TEXTS[1]}
