"""Files that are there whole or not at all, and that say whether they still are what they were."""

import errno
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from sslapp import durable


def test_two_writers_of_one_file_with_one_process_id_do_not_meet(tmp_path) -> None:
    # one process and one thread stand for two containers that number both alike
    path = tmp_path / "a.bin"

    def fill(file) -> None:
        durable.write_bytes(path, b"of the other")
        assert path.read_bytes() == b"of the other"
        file.write(b"of this one")

    durable.write(path, fill)
    assert path.read_bytes() == b"of this one"
    assert [each.name for each in tmp_path.iterdir()] == ["a.bin"]


def test_threads_that_write_one_file_at_once_leave_one_whole_content(tmp_path) -> None:
    path, together, failures = tmp_path / "a.bin", threading.Barrier(4, timeout=20), []

    def write(letter: bytes) -> None:
        def fill(file) -> None:
            together.wait()
            file.write(letter * 5000)
            together.wait()

        try:
            durable.write(path, fill)
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(each,)) for each in (b"a", b"b", b"c", b"d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert path.read_bytes() in {letter * 5000 for letter in (b"a", b"b", b"c", b"d")}


def test_what_the_disk_refuses_is_said_with_the_mend(tmp_path) -> None:
    own, foreign = tmp_path / "workspace" / "features.npy", tmp_path / "table.csv"

    def words(number: int, path: Path | None) -> str:
        of_file = () if path is None else (str(path),)
        return durable.in_words(OSError(number, os.strerror(number), *of_file), own.parent)

    assert words(errno.ENOSPC, own) == (
        f"The disk is full: {own} could not be written. Free some space, then try again."
    )
    assert words(errno.EDQUOT, None) == "The disk is full. Free some space, then try again."
    assert words(errno.ENOENT, own).startswith(f"{own} is missing. `sslapp verify` says")
    assert words(errno.ENOENT, foreign) == f"{foreign}: No such file or directory."
    assert words(errno.EACCES, own) == (
        f"{own}: Permission denied. Give the account that runs sslapp the right to it."
    )
    assert words(errno.EROFS, foreign).endswith("Let its disk be written to, then try again.")
    assert "check it" in words(errno.EIO, own)


def test_an_array_that_was_cut_off_is_named(tmp_path) -> None:
    path = tmp_path / "features.npy"
    durable.write_array(path, np.zeros((100, 10)))
    for content in (path.read_bytes()[:200], b"no array", b""):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"features\.npy is damaged .* `sslapp verify` says"):
            durable.read_array(path)


def test_the_longest_name_of_a_file_system_can_be_written(tmp_path) -> None:
    path = tmp_path / ("ä" * 127)  # 254 bytes
    durable.write_bytes(path, b"x")
    assert path.read_bytes() == b"x"


def test_a_named_file_is_found_by_what_it_is_called(tmp_path) -> None:
    first = durable.write_named(tmp_path, "state-7", ".bin", b"one")
    second = durable.write_named(tmp_path, "state-12", ".bin", b"two")
    durable.write_named(tmp_path, "result", ".bin", b"three")
    (tmp_path / "state-9.bin").write_bytes(b"no hash")
    assert set(durable.find_named(tmp_path, "state-*", ".bin")) == {first, second}
    assert durable.find_named(tmp_path, "state-7", ".bin") == [first]
    assert durable.find_named(tmp_path, "state-7", ".npy") == []
    assert durable.find_named(tmp_path / "missing", "state-*", ".bin") == []
    assert durable.stem_of(second) == "state-12"
    assert durable.stem_of(tmp_path / "state-9.bin") == "state-9"
    assert durable.read_named(second) == b"two"


def test_what_a_killed_writer_left_is_not_found(tmp_path) -> None:
    path = durable.write_named(tmp_path, "state-7", ".bin", b"one")
    durable.temporary(path).write_bytes(b"on")
    (tmp_path / f".{path.name}").write_bytes(b"on")
    assert durable.find_named(tmp_path, "*", ".bin") == [path]


@pytest.mark.parametrize("damage", ["one bit", "cut", "empty", "longer", "gone", "a folder"])
def test_a_damaged_named_file_is_told_from_an_intact_one(tmp_path, damage) -> None:
    path = durable.write_named(tmp_path, "state", ".bin", b"0123456789")
    assert durable.is_intact(path)
    if damage in ("gone", "a folder"):
        path.unlink()
    if damage == "a folder":
        path.mkdir()
    contents = {"one bit": b"0123456788", "cut": b"01234", "empty": b"", "longer": b"01234567890"}
    if damage in contents:
        path.write_bytes(contents[damage])
    assert not durable.is_intact(path)
    with pytest.raises((ValueError, OSError), match=path.name):
        durable.read_named(path)


def test_a_name_without_a_hash_promises_nothing(tmp_path) -> None:
    durable.write_bytes(tmp_path / "checkpoint.safetensors", b"earlier version")
    assert durable.is_intact(tmp_path / "checkpoint.safetensors")
    assert durable.read_named(tmp_path / "checkpoint.safetensors") == b"earlier version"


def test_a_folder_s_lock_is_held_by_one_alone_and_goes_with_the_folder_s_name(tmp_path) -> None:
    folder, order = tmp_path / "workspace", []
    folder.mkdir()

    def wait() -> None:
        with durable.folder_lock(folder):
            order.append("second")

    waiting = threading.Thread(target=wait)
    with durable.folder_lock(folder):
        waiting.start()
        waiting.join(0.2)
        folder.rename(tmp_path / "old")  # a restored workspace takes its place
        folder.mkdir()
        order.append("first")
    waiting.join(20)
    assert order == ["first", "second"]
