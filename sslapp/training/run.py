"""One run of a method: its seed, device, progress, and the stages that survive a kill."""

import copy
import hashlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from sslapp import durable
from sslapp.training.kernels import Kernels
from sslapp.vocabulary import Gear

Tensors = dict[str, torch.Tensor]
Report = Callable[[int, int, Mapping[str, float]], None]
Embed = Callable[[NDArray[np.int64]], torch.Tensor]
Observe = Callable[[int, int, Embed], None]
Picture = Callable[[], Mapping[str, torch.Tensor]]
Viewer = Callable[[int, int, Picture], None]

KEPT = 2
"""Checkpoints of a stage that an attempt keeps: the older is for when the newer is damaged."""

STEP = "checkpoint.step"
SUFFIX = ".safetensors"


class Stopped(Exception):
    """The run was asked to stop, by a cancel or because another attempt took over."""


class Checkpoints(Protocol):
    """What a stage's `compute` may keep while it runs."""

    def load(self, needed: Collection[str] = ()) -> tuple[int, Tensors] | None:
        """The newest intact checkpoint as (step, tensors), or None.

        Args:
            needed: names of tensors without which a checkpoint is damaged.
        """

    def save(self, step: int, tensors: Tensors) -> None:
        """Keep the state after `step` steps, and that of the checkpoint before."""


class Run:
    """What a method is given besides its task.

    Args:
        gear: pixels or features.
        device: where to compute.
        seed: the round's seed.
        folder: where this attempt writes its stages.
        earlier: folders of earlier attempts, oldest first; read, never written.
        report: called as report(step, total, metrics).
        should_stop: polled at step boundaries.
        dtype: of convolutions and linear layers under autocast (bfloat16 or float32).
        kernels: how the network's part of a step is run; see `training.kernels`.
        checkpoint_seconds: least time between two checkpoints of a stage. It decides what is
            lost by a kill, never what comes out.
        observer: called as observer(step, total, embed) after every step of a training, where
            embed(rows) gives the (n, D) features of clean images with the weights so far. It may
            look and keep what it saw, and changes nothing.
        viewer: called as viewer(step, total, make) when a training reports, where make() gives a
            few images as the method sees them, (n, C, S, S) uint8 by what they are; {} where there
            are none to see. It changes nothing either.
        weights: folder of pre-trained weights that may be chosen by a network's name, or None.
        say: called with a sentence when a damaged file of a stage was passed over. It costs the
            steps since the file before, and changes nothing that comes out.
    """

    def __init__(
        self,
        *,
        gear: Gear,
        device: torch.device,
        seed: int,
        folder: Path,
        earlier: tuple[Path, ...] = (),
        report: Report = lambda step, total, metrics: None,
        should_stop: Callable[[], bool] = lambda: False,
        dtype: torch.dtype = torch.float32,
        kernels: Kernels = "eager",
        checkpoint_seconds: float = 20.0,
        observer: Observe = lambda step, total, embed: None,
        viewer: Viewer = lambda step, total, make: None,
        weights: Path | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.gear = gear
        self.device = device
        self.seed = seed
        self.dtype = dtype
        self.kernels: Kernels = kernels
        self.report = report
        self.should_stop = should_stop
        self.checkpoint_seconds = checkpoint_seconds
        self.rank = 0
        self.world_size = 1
        self.weights = weights
        self._observer, self.view = observer, viewer
        self._say = say
        self._folder = folder
        self._folders = (*earlier, folder)
        self._names: list[str] = []

    def apart(self, report: Report = lambda step, total, metrics: None) -> "Run":
        """The same run with other ears: for fits beside the one that the round is about."""
        other = copy.copy(self)
        other.report = report
        return other

    def within(self, name: str, gear: Gear | None = None) -> "Run":
        """The same run, the names of whose stages begin with `name`: for several fits alike.

        Args:
            gear: another one than the run's.
        """
        other = copy.copy(self)
        other.gear = gear or self.gear
        other._names = [*self._names, name]
        return other

    def generator(
        self, purpose: str, step: int = 0, *, device: torch.device | str | None = None
    ) -> torch.Generator:
        """A generator keyed (seed, purpose, step), on the run's device or on `device`.

        Because nothing depends on what was drawn before, a checkpoint holds no generator state.
        """
        return keyed_generator(self.seed, purpose, step, self.device if device is None else device)

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """The mean over all processes of the run; with one process the value itself."""
        return value

    def check(self) -> None:
        """Raise Stopped if the run was asked to stop."""
        if self.should_stop():
            raise Stopped

    def observe(self, step: int, total: int, embed: Embed) -> None:
        """Show the observer the network after `step` of `total` steps.

        Only the training that is the whole fit is shown: several nested ones have no one course.
        """
        if len(self._names) == 1:
            self._observer(step, total, embed)

    def stage(self, name: str, compute: Callable[[Checkpoints], Tensors]) -> Tensors:
        """Return the stored result of the stage `name`, or compute and store it.

        A stored result that is damaged is computed again, from a checkpoint if there is one.

        Stages may nest: inside `stage("iteration-2", ...)` the name "train" means
        "iteration-2/train". A name may be used once in a run.
        """
        self._names.append(name)
        try:
            files = _StageFiles("/".join(self._names), self._folder, self._folders, self._say)
            result = files.result()
            if result is None:
                result = compute(files)
                files.finish(result)
            return {key: value.to(self.device) for key, value in result.items()}
        finally:
            self._names.pop()


def keyed_generator(
    seed: int, purpose: str, step: int, device: torch.device | str
) -> torch.Generator:
    """A generator on `device` that is a function of (seed, purpose, step) alone."""
    key = hashlib.sha256(f"{seed}/{purpose}/{step}".encode()).digest()
    generator = torch.Generator(device=device)
    generator.manual_seed(int.from_bytes(key[:8], "little") >> 1)
    return generator


class _StageFiles:
    """A stage's result and checkpoints, looked up in all attempts and written to the newest.

    Files of earlier versions carry no hash in their names and, as checkpoints, no step.
    """

    def __init__(
        self, name: str, folder: Path, folders: tuple[Path, ...], say: Callable[[str], None]
    ) -> None:
        self._own = folder / name
        self._all = [each / name for each in folders]
        self._say = say
        self._depth = len(Path(name).parts) + 3  # attempt-2/stages/train/checkpoint-40-...

    def result(self) -> Tensors | None:
        for folder in reversed(self._all):
            for path in _files(folder, "result"):
                tensors = self._read(path)
                if tensors is not None:
                    return tensors
        return None

    def finish(self, tensors: Tensors) -> None:
        self._write("result", tensors)
        for path in _checkpoints(self._own):
            path.unlink(missing_ok=True)

    def load(self, needed: Collection[str] = ()) -> tuple[int, Tensors] | None:
        found = [path for folder in reversed(self._all) for path in _checkpoints(folder)]
        for path in sorted(found, key=_step, reverse=True):  # stable: of equals the newest attempt
            tensors = self._read(path, {*needed, STEP})
            if tensors is not None:
                return int(tensors.pop(STEP)), tensors
        return None

    def save(self, step: int, tensors: Tensors) -> None:
        self._write(f"checkpoint-{step}", {**tensors, STEP: torch.tensor(step)})
        for path in sorted(_checkpoints(self._own), key=_step)[:-KEPT]:
            path.unlink(missing_ok=True)

    def _read(self, path: Path, needed: Collection[str] = ()) -> Tensors | None:
        """The tensors of a file, or None, said, if it is not what was written."""
        damage: Exception | str
        try:
            tensors = safetensors.torch.load(durable.read_named(path))
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            damage = error
        else:
            lacking = sorted(set(needed) - tensors.keys())
            if not lacking:
                return tensors
            damage = f"it lacks {', '.join(lacking[:3])}"
        self._say(durable.passed_over(path, self._depth, damage))
        return None

    def _write(self, what: str, tensors: Tensors) -> None:
        # clone: safetensors refuses tensors that share memory, and a checkpoint must not move on
        plain = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
        durable.write_named(self._own, what, SUFFIX, safetensors.torch.save(plain))


def _files(folder: Path, stem: str) -> list[Path]:
    """The named files of a stage, then that of an earlier version."""
    earlier = folder / f"{stem.removesuffix('-*')}{SUFFIX}"
    return [*durable.find_named(folder, stem, SUFFIX), *([earlier] if earlier.exists() else [])]


def _checkpoints(folder: Path) -> list[Path]:
    return _files(folder, "checkpoint-*")


def _step(path: Path) -> int:
    """After how many steps a checkpoint was made; -1 where only its content says."""
    number = durable.stem_of(path).removeprefix("checkpoint-")
    return int(number) if number.isdecimal() else -1
