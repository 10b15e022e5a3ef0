"""What an import of many photographs takes of memory, by the command line and its worker.

    python benchmarks/import_memory.py --counts 10000 100000 --to /tmp/photographs

writes grey JPEG files of 512 pixels into ten class folders below --to (kept for the next run), then
imports each count with `sslapp import` into a workspace of its own. Ten times a second it adds up
the anonymous memory of the command, of the worker that the command starts, and of all that these
start; the largest sum is the peak. Pages of files that the system keeps are not counted: it takes
them back when somebody needs the room.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 512
CLASSES = 10
BLOBS = 12
"""Pixels of the noise that is enlarged to an image: it compresses as a photograph out of focus."""
GIGABYTE = 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--to", type=Path, required=True, help="where the files are kept")
    options = parser.parse_args()
    print(f"JPEG, {SIDE} x {SIDE}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("| images | MB | seconds | images/s | peak of anonymous memory, GB | of the smallest |")
    print("|---|---|---|---|---|---|", flush=True)
    smallest = 0.0
    for count in sorted(options.counts):
        folder = write_files(options.to, count)
        seconds, peak = import_files(folder, options.to, "--levels", "class")
        smallest = smallest or peak
        size = sum(file.stat().st_size for file in folder.rglob("*.jpg")) / 1e6
        print(
            f"| {count:,} | {size:,.0f} | {seconds:,.0f} | {count / seconds:,.0f} "
            f"| {peak / GIGABYTE:.3f} | {peak / smallest:.2f} |",
            flush=True,
        )


def write_files(root: Path, count: int) -> Path:
    """A folder of `count` images in class folders below `root`; what is there is not made again."""
    folder = root / str(count)
    for number in range(count):
        path = folder / str(number % CLASSES) / f"{number:06d}.jpg"
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 256, (BLOBS, BLOBS), np.uint8)
        beside = path.with_suffix(".part")
        Image.fromarray(noise).resize((SIDE, SIDE), Image.Resampling.BILINEAR).save(beside, "JPEG")
        beside.rename(path)
    return folder


def import_files(source: Path, root: Path, *said: str) -> tuple[float, int]:
    """Seconds of the import into a fresh workspace, and the peak of anonymous memory in bytes.

    Args:
        source: what is imported.
        root: where the workspace is, for that time.
        said: further words of the command.

    Raises:
        RuntimeError: the import failed; its output says why.
    """
    with tempfile.TemporaryDirectory(dir=root) as work:
        places = {name: str(Path(work) / name) for name in ("workspace", "secrets")}
        environment = {
            **os.environ,
            **{f"SSLAPP_{name.upper()}": place for name, place in places.items()},
        }
        command = [sys.executable, "-m", "sslapp"]
        classes = ",".join(map(str, range(CLASSES)))
        subprocess.run(
            [*command, "init", "Photographs", "--classes", classes], env=environment, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        begin, peak = time.perf_counter(), 0
        with open(Path(work) / "output", "w+") as output:
            running = subprocess.Popen(
                [*command, "import", str(source), *said],
                env=environment, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
            while running.poll() is None:
                peak = max(peak, anonymous_memory(environment["SSLAPP_WORKSPACE"]))
                time.sleep(0.1)
            seconds = time.perf_counter() - begin
            if running.returncode:
                output.seek(0)
                raise RuntimeError(f"The import failed: {output.read()[-2000:]}")
    return seconds, peak


def anonymous_memory(workspace: str) -> int:
    """Bytes of anonymous memory of every process that works on this workspace."""
    found = 0
    mark = f"SSLAPP_WORKSPACE={workspace}".encode()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                status = (process / "status").read_text()
                found += 1024 * int(status.split("RssAnon:")[1].split()[0])
        except (OSError, IndexError):  # it has ended meanwhile
            continue
    return found


if __name__ == "__main__":
    main()
