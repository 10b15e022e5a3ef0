"""Several files that are one image: what a glance tells, and what is refused."""

import io
import zipfile

import pytest

from sslapp.imaging.bundles import GLANCE, Bundle, bundled, glance, quarters
from sslapp.imaging.refused import RefusedFile
from sslapp.vocabulary import StackRule

FILES = [b"one", b"two", b"three"]


def made(rule: StackRule | None = StackRule.MIDDLE, files: list[bytes] = FILES) -> bytes:
    return bundled(files, len(files), rule, "stack")


@pytest.mark.parametrize("rule", [*StackRule, None])
def test_its_first_bytes_tell_what_a_bundle_is(rule) -> None:
    facts = glance(made(rule)[:GLANCE])
    assert (facts.count, facts.rule) == (3, rule)
    assert facts.first == (0 if rule is None else 1)


def test_the_same_files_give_the_same_bytes_and_come_back_in_any_order() -> None:
    content = made()
    assert content == made()
    assert list(Bundle(content, "stack").files([2, 0])) == [b"three", b"one"]


def test_a_bundle_is_read_from_the_disk_too_and_is_an_archive_of_dicom_files(tmp_path) -> None:
    path = tmp_path / "stack"
    path.write_bytes(made())
    assert list(Bundle(path, "stack").files([1])) == [b"two"]
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["bundle.json", "00001.dcm", "00002.dcm", "00003.dcm"]


def test_each_file_can_be_changed() -> None:
    changed = Bundle(made(), "stack").changed(bytes.upper)
    assert changed == made(files=[each.upper() for each in FILES])


def test_other_archives_are_no_bundles() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.dcm", b"one")
    assert glance(target.getvalue()) is None
    assert glance(b"PK\x03\x04") is None
    assert glance(b"") is None


@pytest.mark.parametrize("said", ["{}", "[]", "nonsense", '{"count": 1, "rule": null}'])
def test_one_that_says_nothing_right_is_none(said) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("bundle.json", said)
    assert glance(target.getvalue()) is None


def test_a_place_that_is_not_there() -> None:
    with pytest.raises(IndexError, match="no picture 4"):
        list(Bundle(made(), "stack").files([3]))


def test_damage_is_refused_with_a_sentence() -> None:
    content = made()
    for broken in (content[:-30], content.replace(b"two", b"owt"), content[:100]):
        with pytest.raises(RefusedFile, match="damaged or cut off"):
            list(Bundle(broken, "stack").files([1]))
    with pytest.raises(RefusedFile, match="stack: the bundle is damaged"):
        Bundle(b"nothing", "stack")


def test_a_compressed_one_is_refused_whatever_it_would_unpack_to() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("bundle.json", '{"count": 2, "rule": null}')
        archive.writestr("00001.dcm", bytes(10**7), zipfile.ZIP_DEFLATED)
    with pytest.raises(RefusedFile, match="not compressed"):
        list(Bundle(target.getvalue(), "stack").files([0]))


def test_what_is_too_large_is_refused_while_it_is_made(monkeypatch) -> None:
    monkeypatch.setattr("sslapp.imaging.bundles.MAX_BUNDLE_BYTES", 1 << 20)
    with pytest.raises(RefusedFile, match="series 7: its 9 pictures are more than the 1 MiB"):
        bundled((bytes(1 << 19) for _ in range(9)), 9, None, "series 7")
    with pytest.raises(RefusedFile, match="20,000 pictures are more"):
        bundled([], 20_000, None, "series 7")


@pytest.mark.parametrize(
    ("count", "places"),
    [(1, (0, 0, 0)), (2, (0, 0, 1)), (3, (0, 1, 2)), (5, (1, 2, 3)), (101, (25, 50, 75))],
)
def test_quarters(count, places) -> None:
    assert quarters(count) == places
