"""Predict the pictures of a folder with a package's model, into a CSV file."""

import csv
import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from sslapp import durable
from sslapp.datasets.pictures.files import SUFFIXES
from sslapp.datasets.tables.cells import escape_cell
from sslapp.imaging.decode import decode
from sslapp.imaging.fit import fit
from sslapp.imaging.intensities import OF_THE_IMAGE, IntensityMapping
from sslapp.imaging.refused import MAX_BYTES, RefusedFile
from sslapp.packaging.inputs import ImageInput
from sslapp.packaging.model import Model

BATCH = 32
"""Pictures that are read and predicted at once."""

NONE = "none"
"""The class of an image about which the model is less sure than asked."""

Progress = Callable[[int, int], None]
Prepared = list[NDArray[np.uint8]]
"""(C, S, S) of each input."""


@dataclass
class Predicted:
    """What was written.

    Attributes:
        rows: images in the file.
        none: of them below the threshold.
        unread: file -> why it could not be read.
    """

    rows: int = 0
    none: int = 0
    unread: dict[str, str] = field(default_factory=dict)


def pictures_in(folder: Path) -> list[str]:
    """Paths of the picture files below a folder, relative to it, in order; hidden ones left out.

    Raises:
        ValueError: when it is no folder, or holds no picture.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder. Name one that holds pictures.")
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in files:
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                found.append((Path(place) / name).relative_to(folder).as_posix())
    if not found:
        raise ValueError(f"{folder} holds no picture ({', '.join(sorted(SUFFIXES))}).")
    return sorted(found)


def predict(
    model: Model,
    classes: Sequence[str],
    folder: Path,
    target: Path,
    *,
    threshold: float | None = None,
    intensities: IntensityMapping = OF_THE_IMAGE,
    progress: Progress = lambda done, total: None,
) -> Predicted:
    """Write a row a picture: file, class, confidence and the probability of every class.

    Args:
        model: the model.
        classes: C, of its columns.
        folder: pictures are looked for in it and below.
        target: the file to create; a kill leaves none.
        threshold: confidence below which the class is `none`.
        intensities: how more than 8 bits a sample become 8.
        progress: called as progress(pictures done, pictures).

    Raises:
        ValueError: when the target exists, or there is no picture.
    """
    if target.exists():
        raise ValueError(f"{target} exists already. Name a file that does not.")
    names = pictures_in(folder)
    said = Predicted()

    def fill(file: BinaryIO) -> None:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        rows = csv.writer(text)
        heads = ["file", "class", "confidence", *(f"p({each})" for each in classes)]
        rows.writerow([escape_cell(each) for each in heads])
        for done, (read, images) in _batches(model.inputs, intensities, folder, names, said):
            for name, p in zip(read, _asked(model, images), strict=True):
                rows.writerow(_row(name, p, classes, threshold, said))
            progress(done, len(names))
        text.flush()
        text.detach()

    durable.write(target, fill)
    return said


def _asked(model: Model, images: Sequence[Prepared]) -> NDArray[np.float32]:
    if not images:
        return np.zeros((0, 0), dtype=np.float32)
    return model.probabilities([np.stack(each) for each in zip(*images, strict=True)])


def _row(
    name: str,
    p: NDArray[np.float32],
    classes: Sequence[str],
    threshold: float | None,
    said: Predicted,
) -> list[str]:
    best = int(p.argmax())
    unsure = threshold is not None and p[best] < threshold
    said.rows += 1
    said.none += unsure
    chosen = NONE if unsure else classes[best]
    return [
        escape_cell(name),
        escape_cell(chosen),
        f"{p[best]:.6f}",
        *(f"{each:.6f}" for each in p),
    ]


def _batches(
    inputs: Sequence[ImageInput],
    intensities: IntensityMapping,
    folder: Path,
    names: Sequence[str],
    said: Predicted,
) -> Iterator[tuple[int, tuple[list[str], list[Prepared]]]]:
    """(pictures done, (names, images)) of those that can be read; the others are put down."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(names), BATCH):
            part = names[start : start + BATCH]
            read, images = [], []
            for name, found in zip(
                part,
                pool.map(lambda each: _prepared(inputs, intensities, folder, each), part),
                strict=True,
            ):
                if isinstance(found, str):
                    said.unread[name] = found
                else:
                    read.append(name)
                    images.append(found)
            yield start + len(part), (read, images)


def _prepared(
    inputs: Sequence[ImageInput], intensities: IntensityMapping, folder: Path, name: str
) -> Prepared | str:
    """A picture as the inputs want it, or why it cannot be read."""
    try:
        path = folder / name
        if path.stat().st_size > MAX_BYTES:
            return f"more than the {MAX_BYTES:,} bytes allowed."
        image = decode(path.read_bytes(), name, intensities)
    except RefusedFile as error:
        return str(error).removeprefix(f"{name}: ")
    except OSError as error:
        return f"{error.strerror or error}."
    return [
        fit(image, each.size, each.channels, each.aspect, each.resample).transpose(2, 0, 1)
        for each in inputs
    ]
