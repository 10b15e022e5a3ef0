"""Plant wrong labels and moved copies among digits, and count what is found of them.

    python benchmarks/findings.py                  # five draws of each
    python benchmarks/findings.py --seeds 10 --images 20000

Of 500 labelled digits 20 get a wrong class; probabilities are those of cross-fitted probes on the
pixels. Among 2,000 images (1,797 digits, and mirrored ones for the rest) 20 are copies, 6 brighter
and moved by a pixel, of digits of 8 pixels as they are and enlarged to 32. `--images` also says how
long that search takes in so many images, which are noise with features of 64 numbers.
"""

import argparse
import os
import platform
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from sslapp.embedding.index import NeighbourIndex
from sslapp.review.findings import near_duplicates, probe
from sslapp.review.findings.suspicious import suspects

LABELLED, WRONG, FIRST = 500, 20, 40
IMAGES, COPIES = 2_000, 20
WAYS = ((0, 1), (1, 0), (0, -1), (-1, 0))

Pictures = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--images", type=int, default=0)
    asked = parser.parse_args()
    data = load_digits()
    digits = np.rint(data.images * 255 / 16).astype(np.uint8)
    large = np.stack([_enlarged(each) for each in digits])
    print(f"{asked.seeds} draws, {platform.machine()}, {os.cpu_count()} cores")
    print(f"{'what':>38} {'mean':>6} {'least':>6} {'false':>6} {'s max':>7}")
    _show(
        f"wrong of {WRONG} among the first {FIRST}",
        [_wrong_labels(digits, data.target, seed) for seed in range(asked.seeds)],
    )
    for name, pictures in (("8 pixels", digits), ("32 pixels", large)):
        _show(
            f"copies of {COPIES}, {name}",
            [_copies(pictures, seed) for seed in range(asked.seeds)],
        )
    if asked.images:
        for what, seconds in _search(asked.images):
            print(f"{f'{asked.images:,} images: {what}':>38} {'':>20} {seconds:7.1f}")


def _show(what: str, draws: list[tuple[int, int | None, float]]) -> None:
    found, false, seconds = zip(*draws, strict=True)
    most = "-" if false[0] is None else str(max(false))
    mean = f"{np.mean(found):.1f}"
    print(f"{what:>38} {mean:>6} {min(found):>6} {most:>6} {max(seconds):7.2f}")


def _wrong_labels(
    digits: Pictures, truth: NDArray[np.int64], seed: int
) -> tuple[int, int | None, float]:
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(digits), LABELLED, replace=False)
    labels = truth[rows].copy()
    wrong = rng.choice(LABELLED, WRONG, replace=False)
    labels[wrong] = (labels[wrong] + rng.integers(1, 10, WRONG)) % 10
    began = time.perf_counter()
    features = digits[rows].reshape(LABELLED, -1)
    said = probe.out_of_sample(features, np.arange(LABELLED), labels, 10, seed=seed)
    found = suspects(said, labels)
    seconds = time.perf_counter() - began
    return int(np.isin(found.rows[:FIRST], wrong).sum()), None, seconds


def _copies(pictures: Pictures, seed: int) -> tuple[int, int | None, float]:
    rng = np.random.default_rng(seed)
    mirrored = pictures[rng.permutation(len(pictures)), :, ::-1]
    natural = np.concatenate([pictures, mirrored])[: IMAGES - COPIES]
    of = rng.choice(len(natural), COPIES, replace=False)
    brighter = np.clip(natural[of].astype(np.int64) + 6, 0, 255).astype(np.uint8)
    copies = np.stack([np.roll(each, WAYS[rng.integers(4)], (0, 1)) for each in brighter])
    every = np.concatenate([natural, copies])
    began = time.perf_counter()
    index = NeighbourIndex(every.reshape(IMAGES, -1).astype(np.float32))
    found = near_duplicates.alike(near_duplicates.hashes(every[..., None]), index, seed=seed)
    seconds = time.perf_counter() - began
    planted = {(int(each), len(natural) + row) for row, each in enumerate(of)}
    pairs = {(int(one), int(other)) for one, other in found.pairs}
    return len(pairs & planted), len(pairs - planted), seconds


def _search(count: int) -> Iterator[tuple[str, float]]:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (count, 32, 32, 1), dtype=np.uint8)
    features = rng.normal(size=(count, 64)).astype(np.float32)
    began = time.perf_counter()
    hashes = near_duplicates.hashes(pictures)
    yield "hashing", time.perf_counter() - began
    began = time.perf_counter()
    near_duplicates.alike(hashes, NeighbourIndex(features), seed=0)
    yield "comparing", time.perf_counter() - began
    began = time.perf_counter()
    labels = rng.integers(0, 10, count)
    probe.out_of_sample(features, np.arange(count), labels, 10, seed=0)
    yield "asking about as many labels", time.perf_counter() - began


def _enlarged(picture: Pictures) -> Pictures:
    return np.asarray(Image.fromarray(picture).resize((32, 32), Image.Resampling.BICUBIC))


if __name__ == "__main__":
    main()
