"""The frames of a training: how the network saw a sample of the images as it learnt.

At a few moments of a round the network's features of the same images are kept; at its end they
become 2-D coordinates on one pair of axes, which the Compare page plays as a film. Whatever is
kept is a function of weights that a resumed round has again bit for bit, so a kill costs no frame
and changes none. Reading a film needs no torch.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sslapp import durable
from sslapp.embedding import pca

if TYPE_CHECKING:
    from sslapp.training.run import Embed
    from sslapp.training.task import Indices, Task

MOMENTS = 8
SAMPLE = 600
"""Images in a frame; eight frames cost 2 % of the shortest training (500 steps on digits)."""

SMALLEST = 1e-12
SUFFIX = ".npy"

FILES = POSITIONS, STEPS, XY = "positions.npy", "steps.npy", "xy.npy"


@dataclass(frozen=True, eq=False)
class Film:
    """The frames of a finished round: F of them with n images.

    Attributes:
        positions: (n,) int64 images, ascending.
        steps: (F,) int64, ascending.
        xy: (F, n, 2) float32.
    """

    positions: NDArray[np.int64]
    steps: NDArray[np.int64]
    xy: NDArray[np.float32]


def read(folder: Path) -> Film:
    """Read what `Frames.finish` wrote."""
    positions, steps, xy = (np.array(durable.read_array(folder / each)) for each in FILES)
    return Film(positions, steps, xy)


def moments(total: int) -> list[int]:
    """After which of `total` steps a frame is kept: the first, the last and between them ever
    fewer, because a network changes most at its start."""
    return np.unique(np.rint(np.geomspace(1, total, MOMENTS)).astype(int)).tolist()


def sample(task: "Task", seed: int) -> "Indices":
    """(n,) int64 ascending: at most SAMPLE rows that the training may see anyway."""
    return pca.sample_rows(np.concatenate([task.labelled, task.pool]), seed, SAMPLE)


class Frames:
    """Collects the frames of one round.

    Args:
        task: what the round trains on.
        seed: the round's, for the choice of images.
        folder: where this attempt keeps them.
        earlier: those of earlier attempts; read, never written.
        say: called with a sentence when a damaged frame was passed over. The film then goes
            without it, unless the training comes by its step again.
    """

    def __init__(
        self,
        task: "Task",
        seed: int,
        folder: Path,
        earlier: Sequence[Path] = (),
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._rows = sample(task, seed)
        self._folder = folder
        self._folders = (*earlier, folder)
        self._say = say

    def observe(self, step: int, total: int, embed: "Embed") -> None:
        """Keep a frame, if one is due after `step` steps.

        Args:
            embed: gives (n, D) float32 features of clean images with the averaged weights.
        """
        if step in moments(total) and self._kept(step) is None:
            x = embed(self._rows).cpu().numpy()  # (n, D)
            # only directions: the scale of a young network's features is its running statistics'
            x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), SMALLEST)
            content = io.BytesIO()
            np.save(content, x.astype(np.float16), allow_pickle=False)
            durable.write_named(self._folder, str(step), SUFFIX, content.getvalue())

    def finish(self) -> Path | None:
        """Project all frames to 2-D, write them, and return their folder; None without frames.

        Writes POSITIONS (n,) int64, STEPS (F,) int64 and XY (F, n, 2) float32. The axes are the
        leading principal components of the last frame: what the finished network tells apart.
        """
        found = {step: self._kept(step) for step in sorted(self._steps())}
        frames = {step: each for step, each in found.items() if each is not None}
        if len(frames) < 2:
            return None
        steps, features = list(frames), list(frames.values())
        axes = pca.fit([features[-1].astype(np.float32)], 2)
        xy = np.zeros((len(steps), len(self._rows), 2), dtype=np.float32)
        for frame, each in zip(xy, features, strict=True):
            part = axes.project(each.astype(np.float32))
            frame[:, : part.shape[1]] = part
        durable.write_array(self._folder / POSITIONS, self._rows)
        durable.write_array(self._folder / STEPS, np.array(steps, dtype=np.int64))
        durable.write_array(self._folder / XY, xy)
        return self._folder

    def _steps(self) -> set[int]:
        """Of all frames, damaged ones too."""
        names = {
            durable.stem_of(path) for folder in self._folders for path in folder.glob(f"*{SUFFIX}")
        }
        return {int(name) for name in names if name.isdecimal()}

    def _kept(self, step: int) -> NDArray[np.float16] | None:
        """(n, D) of the frame after `step` steps, or None if none is intact, which is said."""
        for folder in self._folders:
            earlier = folder / f"{step}{SUFFIX}"  # of an earlier version: no hash in its name
            named = durable.find_named(folder, str(step), SUFFIX)
            for path in [*named, *([earlier] if earlier.exists() else [])]:
                try:
                    return np.load(io.BytesIO(durable.read_named(path)), allow_pickle=False)
                except (OSError, ValueError, EOFError) as error:
                    self._say(durable.passed_over(path, 3, error))
        return None
