import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslapp import durable
from sslapp.imaging.pixels import PixelStore, PixelWriter


def rows_of(count: int, size: int = 4, channels: int = 3, seed: int = 0) -> np.ndarray:
    shape = (count, size, size, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def written(path: Path, rows: np.ndarray, announced: int | None = None) -> Path:
    with PixelWriter(path, announced or len(rows), rows.shape[1], rows.shape[3]) as writer:
        for start in range(0, len(rows), 3):
            writer.append(rows[start : start + 3])
    return path


def test_fewer_rows_than_announced_make_a_smaller_file(tmp_path):
    rows = rows_of(7)
    path = written(tmp_path / "pixels.npy", rows, announced=10**9)
    assert np.array_equal(np.load(path, allow_pickle=False), rows)
    assert [each.name for each in tmp_path.iterdir()] == ["pixels.npy"]


def test_more_rows_than_announced_or_other_shapes_are_errors(tmp_path):
    with (
        pytest.raises(ValueError, match="announced 2"),
        PixelWriter(tmp_path / "a.npy", 2, 4, 3) as writer,
    ):
        writer.append(rows_of(3))
    with (
        pytest.raises(ValueError, match=r"must be \(n, 4, 4, 3\)"),
        PixelWriter(tmp_path / "a.npy", 2, 4, 3) as writer,
    ):
        writer.append(rows_of(2, channels=1))
    assert list(tmp_path.iterdir()) == []


def test_an_exception_leaves_nothing_or_what_was_there(tmp_path):
    path = written(tmp_path / "pixels.npy", rows_of(2))
    before = path.read_bytes()
    with pytest.raises(RuntimeError), PixelWriter(path, 5, 4, 3) as writer:
        writer.append(rows_of(5, seed=1))
        raise RuntimeError
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["pixels.npy"]


@pytest.mark.slow
def test_a_kill_leaves_no_visible_file(tmp_path):
    path = tmp_path / "pixels.npy"
    told, tells = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with PixelWriter(path, 100, 64, 3) as writer:
                writer.append(np.ones((50, 64, 64, 3), np.uint8))
                os.write(tells, b"written")
                time.sleep(60)
        finally:
            os._exit(1)
    os.close(tells)
    assert os.read(told, 7) == b"written"
    os.close(told)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert not path.exists()
    assert not list(tmp_path.glob("*.npy"))


def test_convert_rewrites_what_is_there_and_goes_on(tmp_path):
    grey = rows_of(5, channels=1)
    path = tmp_path / "pixels.npy"
    with PixelWriter(path, 6, 4, 1) as writer:
        writer.append(grey)
        writer.convert(2, 3, lambda row: np.repeat(row[:2, :2], 3, axis=2))
        writer.append(rows_of(1, size=2))
    stored = np.load(path, allow_pickle=False)
    assert np.array_equal(stored[:5], np.repeat(grey[:, :2, :2], 3, axis=3))
    assert np.array_equal(stored[5:], rows_of(1, size=2))
    assert [each.name for each in tmp_path.iterdir()] == ["pixels.npy"]


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(0, 5), min_size=1, max_size=4).filter(lambda c: sum(c) > 0),
    data=st.data(),
)
def test_take_equals_numpy_on_the_concatenation(tmp_path_factory, counts, data):
    folder = tmp_path_factory.mktemp("segments")
    parts = [rows_of(count, size=2, seed=seed) for seed, count in enumerate(counts)]
    paths = []
    for number, part in enumerate(parts):
        paths.append(folder / f"{number}.npy")
        durable.write_array(paths[-1], part)
    store, whole = PixelStore(paths), np.concatenate(parts)
    indices = np.array(
        data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=12)), dtype=np.int64
    )
    assert store.shape == whole.shape
    taken = store.take(indices)
    assert taken.dtype == np.uint8
    assert np.array_equal(taken, whole[indices])
    taken[:] = 0  # a copy: the files stay as they are
    assert np.array_equal(PixelStore(paths).take(np.arange(len(whole))), whole)


@pytest.mark.parametrize("index", [-1, 5])
def test_a_position_outside_is_an_error(tmp_path, index):
    store = PixelStore([written(tmp_path / "a.npy", rows_of(5))])
    with pytest.raises(IndexError, match="outside the 5 images"):
        store.take(np.array([0, index]))


def test_segments_that_disagree_are_named(tmp_path):
    first = written(tmp_path / "a.npy", rows_of(2))
    second = written(tmp_path / "b.npy", rows_of(2, channels=1))
    with pytest.raises(ValueError, match=r"b\.npy: its images are 4 x 4 with 1 channel"):
        PixelStore([first, second])


def test_no_segment_and_damaged_segments_are_errors(tmp_path):
    with pytest.raises(ValueError, match="no pixels yet"):
        PixelStore([])
    path = written(tmp_path / "a.npy", rows_of(20))
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"a\.npy: not a complete pixel file"):
        PixelStore([path])
    durable.write_array(path, np.zeros((2, 3), np.uint8))
    with pytest.raises(ValueError, match="not a pixel file"):
        PixelStore([path])
    durable.write_array(path, np.array([{"a": 1}], dtype=object).astype(str))
    with pytest.raises(ValueError, match="not a pixel file"):
        PixelStore([path])
