import os
import signal
import subprocess
import sys
import textwrap
import tracemalloc

import numpy as np
import pytest
from picture_sources import folder_source

from sslapp.datasets.arrays.parts import ArraySource, Part, in_memory, npz_source
from sslapp.datasets.ingest import IngestStopped, ingest
from sslapp.datasets.known.digits import digits_source
from sslapp.imaging.decode import decode, pixel_sha256
from sslapp.imaging.fit import fit
from sslapp.imaging.originals import original_path
from sslapp.imaging.pixels import PixelStore
from sslapp.vocabulary import Aspect, Split


def stored(done):
    store = PixelStore([done.pixels])
    return store.take(np.arange(len(store)))


def array_source(images):
    part = Part(
        name="a", split=Split.POOL, count=len(images), labels=None, blocks=in_memory(images)
    )
    return ArraySource("a", None, [part])


def test_a_folder_becomes_pixels_originals_and_rows(tree, picture, tmp_path):
    files = {f"{'cat' if n % 2 else 'dog'}/{n:03d}.png": picture(n) for n in range(200)}
    source = folder_source(tree(files))
    done = ingest(source, tmp_path / "p", originals=tmp_path / "originals", threads=3)
    assert [row.name for row in done.rows] == sorted(files)
    assert (done.size, done.channels, done.refused) == (8, 1, [])
    for row, pixels in zip(done.rows, stored(done), strict=True):
        image = decode(files[row.name], row.name)
        assert np.array_equal(pixels[:, :, 0], image)
        assert row.sha256 == pixel_sha256(image)
        assert original_path(tmp_path / "originals", row.original).read_bytes() == files[row.name]
        assert (row.width, row.height, row.split) == (8, 8, Split.POOL)
        assert ["cat", "dog"][row.true_class] == row.name[:3]


def test_the_result_does_not_depend_on_the_number_of_threads(tree, picture, tmp_path):
    files = {f"{n:03d}.png": picture(n, 5 + n % 70, 8, 1 + 2 * (n == 150)) for n in range(200)}
    root = tree(files)
    results = []
    for threads in (1, 4):
        done = ingest(folder_source(root), tmp_path / str(threads), threads=threads)
        results.append((list(done.rows), done.pixels.read_bytes()))
    assert results[0] == results[1]


def test_an_array_that_is_stored_smaller_is_kept_at_full_size(tmp_path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 128, 100, 3), dtype=np.uint8)
    done = ingest(array_source(images), tmp_path / "p", originals=tmp_path / "o")
    assert (done.size, done.channels) == (64, 3)
    for row, image in zip(done.rows, images, strict=True):
        content = original_path(tmp_path / "o", row.original).read_bytes()
        np.testing.assert_array_equal(decode(content, row.name), image)
        assert row.sha256 == pixel_sha256(image)


def test_a_small_array_that_is_resized_for_the_project_is_kept_as_well(medmnist, tmp_path) -> None:
    done = ingest(npz_source(medmnist()), tmp_path / "p", originals=tmp_path / "o", size=16)
    assert all(original_path(tmp_path / "o", row.original).is_file() for row in done.rows)


def test_arrays_of_several_sizes_lose_nothing(tmp_path) -> None:
    rng = np.random.default_rng(0)
    sizes = (8, 8, 12, 10)
    images = [rng.integers(0, 256, (70, side, side), dtype=np.uint8) for side in sizes]
    parts = [
        Part(name=str(n), split=Split.POOL, count=70, labels=None, blocks=in_memory(rows))
        for n, rows in enumerate(images)
    ]
    done = ingest(ArraySource("a", None, parts), tmp_path / "p", originals=tmp_path / "o")
    assert done.size == 64
    for row, image in zip(done.rows, (image for rows in images for image in rows), strict=True):
        content = original_path(tmp_path / "o", row.original).read_bytes()
        np.testing.assert_array_equal(decode(content, row.name), image)


def test_arrays_have_no_original_and_keep_split_and_class(medmnist, tmp_path):
    done = ingest(npz_source(medmnist()), tmp_path / "p", originals=tmp_path / "o")
    assert {row.original for row in done.rows} == {None}
    assert [row.split for row in done.rows][-4:] == [Split.POOL] + [Split.TEST] * 3
    assert [row.true_class for row in done.rows] == [0, 1, 2, 0, 1, 0, 1, 0, 1, 2]
    assert not list((tmp_path / "o").rglob("*"))


def test_digits_keep_their_native_size(tmp_path):
    done = ingest(digits_source(), tmp_path)
    assert PixelStore([done.pixels]).shape == (1797, 8, 8, 1)


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ([(8, 8)] * 3, 8),
        ([(64, 64)] * 2, 64),
        ([(65, 65)] * 2, 64),
        ([(8, 9)] * 2, 64),
        ([(8, 8)] * 100 + [(9, 9)], 64),
        ([(9, 9)] + [(8, 8)] * 100, 64),
        ([(64, 64), (300, 200)], 64),
    ],
)
def test_native_size_is_for_equal_small_squares_only(tree, picture, tmp_path, sides, expected):
    files = {f"{n:03d}.png": picture(n, *side) for n, side in enumerate(sides)}
    done = ingest(folder_source(tree(files)), tmp_path / "p")
    assert done.size == expected
    for row, pixels in zip(done.rows, stored(done), strict=True):
        assert np.array_equal(pixels, fit(decode(files[row.name], ""), expected, 1))


def test_one_colour_image_makes_all_rows_colour_as_if_decoded_again(tree, picture, tmp_path):
    files = {f"{n:03d}.png": picture(n, 20, 30) for n in range(130)}
    files["129.png"] = picture(129, 20, 30, 3)
    done = ingest(folder_source(tree(files)), tmp_path / "p")
    assert done.channels == 3
    for row, pixels in zip(done.rows, stored(done), strict=True):
        assert np.array_equal(pixels, fit(decode(files[row.name], ""), 64, 3))


def test_a_given_size_and_channels_are_kept(tree, picture, tmp_path):
    files = {"a.png": picture(1, 8, 8, 3), "b.png": picture(2, 40, 20, 1)}
    done = ingest(
        folder_source(tree(files)), tmp_path / "p", size=16, channels=1, aspect=Aspect.CROP
    )
    assert stored(done).shape == (2, 16, 16, 1)
    assert np.array_equal(stored(done)[1], fit(decode(files["b.png"], ""), 16, 1, "crop"))
    assert (done.rows[1].width, done.rows[1].height) == (20, 40)


def test_what_fails_is_refused_and_the_rest_goes_on(tree, picture, tmp_path):
    good = [picture(n) for n in range(150)]
    files = {f"{n:03d}.png": good[n] if n % 3 else good[n][: 20 + n // 3] for n in range(150)}
    root = tree({**files, "notes.txt": b"x"})
    done = ingest(folder_source(root), tmp_path / "p", originals=tmp_path / "o", threads=2)
    assert [row.name for row in done.rows] == [f"{n:03d}.png" for n in range(150) if n % 3]
    assert len(stored(done)) == 100
    assert [refusal.name for refusal in done.refused] == [
        "notes.txt",
        *(f"{n:03d}.png" for n in range(0, 150, 3)),
    ]
    assert all("PNG" in refusal.reason for refusal in done.refused[1:])
    kept = [path for path in (tmp_path / "o").rglob("*") if path.is_file()]
    assert len(kept) == 100  # refused files are not kept


def test_nothing_usable_is_an_error_with_the_first_reason(tree, tmp_path):
    source = folder_source(tree({"a.png": b"x", "b.png": b""}))
    with pytest.raises(ValueError, match=r"none of its 2 files .* a\.png: not a readable"):
        ingest(source, tmp_path / "p")
    with pytest.raises(ValueError, match="holds no images"):
        ingest(array_source(np.zeros((0, 4, 4), np.uint8)), tmp_path / "p")
    assert not list((tmp_path / "p").iterdir())


def test_progress_reaches_the_total_and_stop_leaves_nothing(tmp_path):
    images = np.zeros((1000, 4, 4), np.uint8)
    seen = []
    ingest(
        array_source(images),
        tmp_path / "a",
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (1000, 1000)
    assert seen == sorted(seen)
    assert len(seen) > 5
    with pytest.raises(IngestStopped):
        ingest(array_source(images), tmp_path / "b", should_stop=lambda: True)
    assert not list((tmp_path / "b").iterdir())


def test_an_error_in_the_middle_leaves_no_pixel_file(tmp_path):
    def blocks(start):
        yield np.zeros((500, 4, 4), np.uint8)
        raise OSError("the disk went away")

    part = Part(name="a", split=Split.POOL, count=1000, labels=None, blocks=blocks)
    with pytest.raises(OSError, match="went away"):
        ingest(ArraySource("a", None, [part]), tmp_path / "p")
    assert not list((tmp_path / "p").iterdir())


@pytest.mark.slow
def test_a_killed_import_leaves_no_pixel_file_and_the_next_one_is_complete(tree, picture, tmp_path):
    root = tree({f"{n:03d}.png": picture(n) for n in range(300)})
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from sslapp.datasets.ingest import ingest
        from sslapp.datasets.registry import open_source
        def progress(done, total):
            if done > 100:
                print("half", flush=True)
                time.sleep(60)
        root, work = Path(sys.argv[1]), Path(sys.argv[2])
        ingest(open_source(str(root)), work / "p", originals=work / "o", progress=progress)
        """
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(root), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "half\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert not list((tmp_path / "p").glob("*.npy"))
    done = ingest(folder_source(root), tmp_path / "p", originals=tmp_path / "o")
    assert len(done.rows) == len(stored(done)) == 300
    for row in done.rows:
        assert original_path(tmp_path / "o", row.original).is_file()


@pytest.mark.slow
def test_memory_stays_far_below_the_size_of_the_set(tmp_path):
    def blocks(start):
        for _ in range(start, 200):
            yield np.full((1, 600, 600, 3), 7, np.uint8)

    part = Part(name="a", split=Split.POOL, count=200, labels=None, blocks=blocks)
    tracemalloc.start()
    ingest(ArraySource("a", None, [part]), tmp_path, threads=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 110e6  # the set has 216 MB
