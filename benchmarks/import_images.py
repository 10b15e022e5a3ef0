"""How fast 10,000 picture files come in, against reading the same files with Pillow alone.

    python benchmarks/import_images.py cifar10 --root DATA

writes the set's first 10,000 images as PNG files into class folders of a temporary folder, then
measures in one run, each repeated and the median printed:

    baseline   one thread opens every file with Pillow and makes an array of it, nothing else
    import     list, read, decode and hash every file; write the pixel store and the originals,
               made durable; the same for one thread and for all cores
    again      the same import when its originals are there already (a second project, a retry)
    thumbnails one page of 200 as data URIs out of the pixel store
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from sslapp.datasets.ingest import Ingested, ingest
from sslapp.datasets.registry import open_source
from sslapp.datasets.source import Refusal
from sslapp.imaging.pixels import PixelStore
from sslapp.imaging.thumbnails import png_bytes

ELSEWHERE = (
    ("Label Studio 1.23, local storage sync, files stay in place", 25.2),
    ("LightlyStudio 1.2, paths only, no pixel kept", 7.2),
    ("FiftyOne 1.22, paths only, no pixel read", 1.01),
)
PAGE = 200


def write_files(spec: str, root: Path | None, count: int, folder: Path) -> int:
    source = open_source(spec, root=root)
    written = 0
    for entry in source.items():
        if written == count:
            break
        if isinstance(entry, Refusal):
            continue
        class_name = "none" if entry.true_class is None else str(entry.true_class)
        path = folder / class_name / f"{written:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.squeeze(entry.image())).save(path)
        written += 1
    return written


def pillow_loop(files: list[Path]) -> None:
    for file in files:
        with Image.open(file) as image:
            np.asarray(image)


@contextmanager
def timed(seconds: list[float]) -> Iterator[None]:
    begin = time.perf_counter()
    yield
    seconds.append(time.perf_counter() - begin)


def import_folder(files: Path, work: Path, threads: int) -> Ingested:
    return ingest(
        open_source(str(files)), work / "project", originals=work / "originals", threads=threads
    )


def measure_imports(files: Path, cores: int, repeats: int) -> dict[str, list[float]]:
    names = (f"import, {cores} threads", "import, 1 thread", "import again, originals there")
    results: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(repeats):
        for name, threads in ((names[0], cores), (names[1], 1)):
            with tempfile.TemporaryDirectory() as work:
                with timed(results[name]):
                    import_folder(files, Path(work), threads)
                if threads == cores:
                    with timed(results[names[2]]):
                        import_folder(files, Path(work), threads)
    return results


def measure_thumbnails(files: Path, repeats: int) -> list[float]:
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as work:
        store = PixelStore([import_folder(files, Path(work), os.cpu_count() or 1).pixels])
        rows = np.random.default_rng(0).permutation(len(store))[:PAGE].astype(np.int64)
        for _ in range(repeats):
            with timed(seconds):
                for array in store.take(rows):
                    png_bytes(array, 96)
    return seconds


def repeated(repeats: int, action: Callable[[], object]) -> list[float]:
    seconds: list[float] = []
    for _ in range(repeats):
        with timed(seconds):
            action()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("data_set", help="a name or path that sslapp can open, as cifar10")
    parser.add_argument("--root", type=Path, help="where named sets lie")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder)
        count = write_files(options.data_set, options.root, options.count, files)
        paths = sorted(files.rglob("*.png"))
        size = sum(path.stat().st_size for path in paths)
        base = repeated(options.repeats, lambda: pillow_loop(paths))
        results = measure_imports(files, cores, options.repeats)
        page = measure_thumbnails(files, options.repeats)
    print(
        f"{options.data_set}: {count:,} PNG files, {size / 1e6:.1f} MB, {cores} cores, "
        f"load {os.getloadavg()[0]:.1f}, median of {options.repeats}"
    )
    print(f"{'what':44} {'seconds':>8} {'range':>15} {'images/s':>9} {'x baseline':>10}")
    median = statistics.median(base)
    for name, seconds in {"baseline: Pillow loop, 1 thread": base, **results}.items():
        middle = statistics.median(seconds)
        span = f"{min(seconds):.2f}-{max(seconds):.2f}"
        print(f"{name:44} {middle:8.2f} {span:>15} {count / middle:9,.0f} {middle / median:10.2f}")
    middle = statistics.median(page)
    print(f"{f'page of {PAGE} thumbnails from the store':44} {middle:8.3f}")
    print("\nOthers, 10,000 CIFAR-10 PNG files, measured once on such a machine, not in this run:")
    for name, figure in ELSEWHERE:
        print(f"{name:60} {figure:6.1f} s")


if __name__ == "__main__":
    main()
