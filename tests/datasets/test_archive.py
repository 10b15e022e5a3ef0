"""Zip archives from strangers: what is taken, and the attacks of app_engineering.md 6.1 and 6.2."""

import stat
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from picture_sources import archive_source, folder_source

from sslapp.datasets.ingest import ingest
from sslapp.datasets.pictures.archives.limits import Limits
from sslapp.datasets.pictures.files import EMPTY_FOLDER
from sslapp.datasets.pictures.reading import Reading
from sslapp.datasets.source import Item, Refusal
from sslapp.vocabulary import Split


def build(path: Path, members, method=zipfile.ZIP_DEFLATED) -> Path:
    """A zip of (name or ZipInfo, content) pairs, names written exactly as given."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as archive:
        warnings.simplefilter("ignore")  # of names that occur twice
        for name, content in members:
            info = name
            if isinstance(name, str):
                info = zipfile.ZipInfo("x")
                info.filename = info.orig_filename = name
                info.compress_type = method
            archive.writestr(info, content)
    return path


@pytest.fixture
def archive(tmp_path):
    """archive({name: content}, limits=...) opens a zip of these members."""

    def make(members, limits=None, **options):
        pairs = members.items() if isinstance(members, dict) else members
        return archive_source(build(tmp_path / "set.zip", pairs), limits=limits, **options)

    return make


def reasons(source):
    return {refusal.name: refusal.reason for refusal in source.refused}


def test_sub_folders_are_classes_and_splits_as_in_a_folder(archive, picture):
    source = archive(
        {"train/cat/1.png": picture(1), "test/dog/x/2.png": picture(2), "train/dog/3.png": b"no"}
    )
    first, *_ = entries = list(source.items())
    assert source.class_names == ["cat", "dog"]
    assert [(item.name, item.split, item.true_class) for item in entries] == [
        ("test/dog/x/2.png", Split.TEST, 1),
        ("train/cat/1.png", Split.POOL, 0),
        ("train/dog/3.png", Split.POOL, 1),
    ]
    assert first.content == picture(2)
    assert [item.name for item in source.items(2)] == ["train/dog/3.png"]


def test_a_folder_around_everything_says_nothing(archive, picture):
    nested = {"pets/set/cat/1.png": picture(1), "pets/set/dog/2.png": picture(2)}
    assert archive(nested).class_names == ["cat", "dog"]
    flat = archive({"pets/1.png": picture(1), "pets/2.png": picture(2)})
    assert flat.class_names is None
    assert [item.name for item in flat.items()] == ["1.png", "2.png"]
    split = archive({"train/cat/1.png": picture(1), "train/dog/2.png": picture(2)})
    assert split.class_names == ["cat", "dog"]


def test_an_empty_folder_of_an_archive_is_among_what_was_left_out(archive, picture):
    source = archive({"cat/1.png": picture(1), "dog/1.png": picture(2), "fox/": b""})
    assert source.class_names == ["cat", "dog"]
    assert reasons(source) == {"fox": EMPTY_FOLDER}


def test_groups_and_name_are_taken_over(archive, picture):
    source = archive({"p7_a.png": picture(1)}, group_pattern=r"(p\d+)_", name="Ward 3")
    assert source.name == "Ward 3"
    assert [item.group for item in source.items()] == ["p7"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../evil.png", "its path leads out of the archive"),
        ("a/../../evil.png", "its path leads out of the archive"),
        ("%2e%2e/evil.png", "its path leads out of the archive"),
        ("..%2fevil.png", "its path leads out of the archive"),
        ("%2e%2e%5cevil.png", "its path leads out of the archive"),
        ("/etc/evil.png", "an absolute path"),
        ("%2fetc/evil.png", "an absolute path"),
        ("C:/evil.png", "an absolute path"),
        ("..\\evil.png", "its name has a backslash in it; pack the archive with / between folders"),
        ("a//b.png", "its path has an empty part"),
        ("./b.png", "its path has an empty part"),
        ("__MACOSX/a.png", "an entry that macOS adds"),
        (".git/a.png", "in a hidden folder"),
        ("cat/.a.png", "a hidden file"),
        ("page.svg", ".svg is not a picture type that is read"),
        ("cat/._more.zip", "a hidden file"),
        ("more.v2.zip", "not a readable zip archive: File is not a zip file"),
        ("more.zip", "not a readable zip archive: File is not a zip file"),
        ("more.tar.gz", "an archive inside the archive; unpack it first"),
        ("a" * 1001 + ".png", "its path has more than 1000 letters"),
    ],
)
def test_odd_names_are_refused_with_their_reason(archive, picture, name, reason):
    source = archive({"good.png": picture(1), name: picture(2)})
    assert [item.name for item in source.items()] == ["good.png"]
    assert reasons(source) == {name: reason}


def test_a_nul_in_a_name_does_not_hide_the_rest_of_it(tmp_path, picture):
    path = build(tmp_path / "a.zip", [("good.png", picture()), ("evil.png#.exe", picture(2))])
    path.write_bytes(path.read_bytes().replace(b"evil.png#.exe", b"evil.png\0.exe"))
    source = archive_source(path)
    assert len(source) == 1
    assert reasons(source) == {"evil.png\\x00.exe": "its name has a NUL in it"}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (stat.S_IFLNK, "a link"),
        (stat.S_IFCHR, "not a plain file"),
        (stat.S_IFBLK, "not a plain file"),
        (stat.S_IFIFO, "not a plain file"),
    ],
)
def test_links_and_devices_are_refused(archive, picture, kind, reason):
    info = zipfile.ZipInfo("odd.png")
    info.external_attr = (kind | 0o644) << 16
    source = archive([("good.png", picture()), (info, b"/etc/passwd")])
    assert reasons(source) == {"odd.png": reason}
    assert [item.name for item in source.items()] == ["good.png"]


def test_the_second_of_two_members_with_one_name_is_not_read_for_the_first(archive, picture):
    source = archive([("a.png", picture(1)), ("a.png", picture(2)), ("b.png", picture(3))])
    assert [item.content for item in source.items()] == [picture(1), picture(3)]
    assert reasons(source) == {"a.png": "its name occurs twice"}


def test_a_bomb_is_refused_without_unpacking_it(archive, picture):
    bomb = b"\0" * (40 * 2**20)
    tracemalloc.start()
    source = archive({"bomb.png": bomb, "good.png": picture()})
    entries = list(source.items())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [entry.name for entry in entries] == ["good.png"]
    assert reasons(source)["bomb.png"].endswith("times, as no picture does")
    assert peak < 20 * 2**20


def test_a_member_that_expands_beyond_what_it_announces_is_cut_and_refused(tmp_path, picture):
    path = build(tmp_path / "liar.zip", [("liar.png", b"\0" * 900_000), ("good.png", picture())])
    content = path.read_bytes()
    path.write_bytes(content.replace((900_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    refusal = next(each for each in archive_source(path).items() if each.name == "liar.png")
    assert isinstance(refusal, Refusal)
    assert "damaged in the archive: Bad CRC-32" in refusal.reason


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_expand_without_bound_are_refused(archive, picture, method):
    info = zipfile.ZipInfo("a.png")
    info.compress_type = method
    source = archive([(info, picture()), ("good.png", picture())])
    assert reasons(source)["a.png"].startswith("it is packed with a method that is not read")


def test_an_encrypted_member_is_refused(tmp_path, picture):
    path = build(tmp_path / "secret.zip", [("a.png", picture()), ("b.png", picture())])
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1  # the flag in the first entry of the directory
    path.write_bytes(content)
    assert reasons(archive_source(path)) == {"a.png": "it is encrypted"}


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(members=2), "3 members are more than the 2 allowed"),
        (Limits(expanded=100), "unpacked, more than the 100 allowed"),
        (Limits(directory=60), "its list of members takes"),
    ],
)
def test_an_archive_beyond_the_limits_is_refused_as_a_whole(archive, picture, limits, words):
    members = {f"{number}.png": picture(number) for number in range(3)}
    with pytest.raises(ValueError, match=words):
        archive(members, limits=limits)


def test_what_is_no_archive_or_holds_no_picture_is_an_error(tmp_path, archive):
    path = tmp_path / "text.zip"
    path.write_bytes(b"not a zip")
    with pytest.raises(ValueError, match=r"text\.zip: not a readable zip archive"):
        archive_source(path)
    with pytest.raises(ValueError, match=r"no picture file in it .* notes.txt: .txt is not"):
        archive({"notes.txt": b"x"})


def test_damage_of_one_member_leaves_the_others(tmp_path, picture):
    members = [(f"{number}.png", picture(number)) for number in range(3)]
    path = build(tmp_path / "a.zip", members, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(picture(1)) + 40] ^= 0xFF
    path.write_bytes(content)
    entries = list(archive_source(path).items())
    assert [type(entry) for entry in entries] == [Item, Refusal, Item]


def test_an_import_writes_only_where_it_is_told(tmp_path, picture):
    names = ["../../evil.png", "/tmp/evil.png", "a/b.png", "a/c.png", "..\\evil.png"]
    path = build(tmp_path / "slip.zip", [(name, picture(seed)) for seed, name in enumerate(names)])
    folder = tmp_path / "job" / "attempt-1"
    folder.mkdir(parents=True)
    done = ingest(archive_source(path), folder, originals=tmp_path / "originals")
    assert [row.name for row in done.rows] == ["b.png", "c.png"]
    written = [each for each in tmp_path.rglob("*") if each.is_file() and each != path]
    assert {each.name for each in written} == {
        "pixels.npy",
        *(row.original for row in done.rows),
    }


def test_archives_inside_are_read_as_folders_of_their_name(archive, picture, tmp_path):
    members = {"train.zip": {"cat/1.png": 1, "dog/2.png": 2}, "test.zip": {"test/cat/3.png": 3}}
    outer = {}
    for name, inner in members.items():
        pairs = [(inside, picture(seed)) for inside, seed in inner.items()]
        outer[name] = build(tmp_path / "inner.zip", pairs).read_bytes()
    source = archive({**outer, "more/dog/4.png": picture(4)}, reading=Reading(leave_out=("more",)))
    assert [(item.name, item.split, item.content) for item in source.items()] == [
        ("test/cat/3.png", Split.TEST, picture(3)),
        ("train/cat/1.png", Split.POOL, picture(1)),
        ("train/dog/2.png", Split.POOL, picture(2)),
    ]
    assert source.class_names == ["cat", "dog"]
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, content in outer.items():
        (folder / name).write_bytes(content)
    as_folder = folder_source(folder)
    assert [item.content for item in as_folder.items()] == [picture(n) for n in (3, 1, 2)]
    assert [item.split for item in as_folder.items(1)] == [Split.POOL, Split.POOL]


def test_what_an_archive_inside_holds_counts_to_the_limits_of_all(archive, picture, tmp_path):
    def inner(members):
        return build(tmp_path / "inner.zip", members.items()).read_bytes()

    two = inner({"a.png": picture(1), "../evil.png": picture(2)})
    deeper = inner({"deep.zip": two, "b.png": picture(3)})
    source = archive({"one.zip": two, "two.zip": deeper})
    assert [item.name for item in source.items()] == ["one/a.png", "two/b.png"]
    assert reasons(source) == {
        "one/../evil.png": "its path leads out of the archive",
        "two/deep.zip": "an archive in an archive inside the archive; unpack it first",
    }
    with pytest.raises(ValueError, match="4 members are more than the 3 allowed"):
        archive({"one.zip": two, "two.zip": deeper}, limits=Limits(members=3))
    with pytest.raises(ValueError, match="unpacked, more than the"):
        archive({"one.zip": two}, limits=Limits(expanded=len(two) + 10))


@pytest.mark.slow
def test_a_bomb_in_an_archive_inside_is_refused_without_unpacking_it(archive, picture, tmp_path):
    bomb = build(tmp_path / "bomb.zip", [("bomb.png", b"\0" * (40 * 2**20))]).read_bytes()
    blank = build(tmp_path / "blank.zip", [("a.png", picture())], zipfile.ZIP_STORED)
    padded = blank.read_bytes() + b"\0" * (40 * 2**20)
    tracemalloc.start()
    source = archive({"bomb.zip": bomb, "padded.zip": padded, "good.png": picture(2)})
    names = [entry.name for entry in source.items()]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert names == ["good.png"]
    assert all(reason.endswith("times, as no picture does") for reason in reasons(source).values())
    assert [*reasons(source)] == ["bomb/bomb.png", "padded.zip"]
    assert peak < 60 * 2**20  # that it was packed here is in it


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("gbk", ["猫/照片一_.png", "狗/照片二_.png"]),
        ("cp932", ["正常/表面.png", "異常/画像.png"]),
        ("cp932", ["ネコ/1.png", "イヌ/2.png"]),
        ("big5", ["正常/影像.png", "肺炎/病人.png"]),
        ("cp949", ["강아지/사진.png", "고양이/사진.png"]),
        ("cp866", ["Кот/1.png", "собака/2.png"]),
        ("cp1251", ["кот/1.png", "яблоня/2.png"]),
        ("cp437", ["Müller/1.png", "café/2.png"]),
        ("cp1252", ["Müller/1.png", "naïve/2.png"]),
        ("utf-8", ["猫/1.png", "犬/2.png"]),
    ],
)
def test_names_of_other_systems_are_read_as_they_were_written(tmp_path, picture, encoding, names):
    source = archive_source(foreign(tmp_path / "a.zip", names, encoding, picture))
    assert sorted(item.name for item in source.items()) == sorted(names)
    assert {item.content for item in source.items()} == {picture(0), picture(1)}


def test_names_that_may_be_of_several_systems_are_refused_with_the_mend(tmp_path, picture):
    names = ["狗/1.png", "a.png"]
    source = archive_source(foreign(tmp_path / "a.zip", names, "gbk", picture))
    assert [item.name for item in source.items()] == ["a.png"]
    (reason,) = reasons(source).values()
    assert reason.startswith(
        "its name is in an encoding that cannot be told; pack the archive anew"
    )


def foreign(path, names, encoding, picture):
    """An archive whose names are in an encoding that it does not state."""
    stand_ins = [f"{'x' * len(name.encode(encoding))}" for name in names]
    stand_ins = [f"{seed}{each[1:]}" for seed, each in enumerate(stand_ins)]
    build(path, [(each, picture(seed)) for seed, each in enumerate(stand_ins)])
    content = path.read_bytes()
    for each, name in zip(stand_ins, names, strict=True):
        content = content.replace(each.encode(), name.encode(encoding))
    path.write_bytes(content)
    return path


part = st.text(st.sampled_from("ab.%2eEfF\\/\0:é\u202e\n"), max_size=6) | st.sampled_from(
    ["..", ".", "", "cat", "%2e%2e", "CON", "C:", "x.png", "train"]
)


@pytest.mark.slow
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(names=st.lists(st.lists(part, min_size=1, max_size=4).map("/".join), max_size=6))
def test_every_member_is_a_plain_relative_name_or_a_refusal(tmp_path, names):
    pairs = [(name, str(seed).encode()) for seed, name in enumerate(["keep.png", *names])]
    meant = Reading(levels=(), leave_out=())
    source = archive_source(build(tmp_path / "any.zip", pairs), reading=meant)
    entries = list(source.items())
    with zipfile.ZipFile(tmp_path / "any.zip") as archive:
        names = [info.orig_filename for info in archive.infolist()]
    files = [each for each in source.refused if each.reason != EMPTY_FOLDER]
    refused = sum(refusal.count for refusal in files)
    assert len(entries) + refused == sum(not name.endswith("/") for name in names)
    for entry in entries:
        parts = entry.name.split("/")
        assert not {"..", ".", ""} & set(parts)
        assert not set(entry.name) & set("\0\\\n")
