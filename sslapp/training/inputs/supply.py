"""How the images of a step get to the device that trains, without it being waited for.

A step names its rows by `places`, a function of the step alone, so the three ways below give the
same bits and none of them is part of a round's plan. On a CPU rows are read when a step wants
them. A GPU keeps all training rows as uint8 where they fit; where they do not, a thread reads the
next steps' rows from the memory map into pinned memory, from where they are copied while the GPU
is still busy with the step before.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from math import prod
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from sslapp.training.augmentation.pixels import send
from sslapp.training.task import Indices, Pixels

PlacesOf = Callable[[int], Indices]
"""(k,) int64 places among the training rows that a step sees."""

RESIDENT_SHARE = 0.25
"""Share of a GPU's free memory that the images may take; the rest is for activations."""

BLOCK = 64
"""Steps whose places are computed and sent to the GPU at once."""

AHEAD = 4
"""Steps whose images are read before they are wanted."""

LOADED_AT_ONCE = 4096


class Supply(Protocol):
    """Gives every step what it trains on."""

    def take(self, step: int) -> tuple[Tensor, Tensor]:
        """(k, ...) images, or what stands for them, and their (k,) int64 places on the device."""

    def close(self) -> None:
        """End what works in the background; `take` may be called again and starts it anew."""


class Plain:
    """Rows read when a step wants them.

    Args:
        read: (k,) int64 rows -> what a step's views are made of.
        rows: (n,) int64 training rows.
        places_of: see PlacesOf.
        device: where the places go.
    """

    def __init__(
        self,
        read: Callable[[Indices], Tensor],
        rows: Indices,
        places_of: PlacesOf,
        device: torch.device,
    ) -> None:
        self._read, self._rows, self._places_of, self._device = read, rows, places_of, device

    def take(self, step: int) -> tuple[Tensor, Tensor]:
        """See Supply."""
        places = self._places_of(step)
        return self._read(self._rows[places]), send(torch.from_numpy(places), self._device)

    def close(self) -> None:
        """Nothing works in the background."""


class Resident:
    """All training rows as uint8 on the device; other rows are never read.

    Places come from the host in blocks of steps, so that most steps copy nothing.
    """

    def __init__(
        self, pixels: Pixels, rows: Indices, places_of: PlacesOf, device: torch.device
    ) -> None:
        self._places_of, self._device = places_of, device
        self._images = torch.empty((len(rows), *pixels.shape[1:]), dtype=torch.uint8, device=device)
        for start in range(0, len(rows), LOADED_AT_ONCE):
            part = rows[start : start + LOADED_AT_ONCE]
            self._images[start : start + len(part)] = pixels.take(part).to(device)
        self._block = -1
        self._places: Tensor

    def take(self, step: int) -> tuple[Tensor, Tensor]:
        """See Supply."""
        block, at = divmod(step, BLOCK)
        if block != self._block:
            steps = range(block * BLOCK, (block + 1) * BLOCK)
            drawn = np.stack([self._places_of(each) for each in steps])  # (BLOCK, k)
            self._block, self._places = block, send(torch.from_numpy(drawn), self._device)
        return self._images.index_select(0, self._places[at]), self._places[at]

    def close(self) -> None:
        """Nothing works in the background."""


class Streamed:
    """Rows of the next steps, read by a thread into pinned memory.

    Only that thread asks for places, so what computes them need not be safe for several.
    """

    def __init__(
        self, pixels: Pixels, rows: Indices, places_of: PlacesOf, device: torch.device
    ) -> None:
        self._pixels, self._rows, self._places_of = pixels, rows, places_of
        self._device = device
        self._thread: ThreadPoolExecutor | None = None
        self._coming: dict[int, Future[tuple[Tensor, Tensor]]] = {}

    def take(self, step: int) -> tuple[Tensor, Tensor]:
        """See Supply. An error of the thread is raised here, at the step that it belongs to."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="images")
        wanted = range(step, step + AHEAD + 1)
        # a jump to another step makes what was read for the old ones worthless
        self._coming = {each: found for each, found in self._coming.items() if each in wanted}
        for each in wanted:
            if each not in self._coming:
                self._coming[each] = self._thread.submit(self._read, each)
        images, places = self._coming.pop(step).result()
        return (
            images.to(self._device, non_blocking=True),
            places.to(self._device, non_blocking=True),
        )

    def close(self) -> None:
        """End the thread; what it read ahead is dropped."""
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
            self._thread, self._coming = None, {}

    def _read(self, step: int) -> tuple[Tensor, Tensor]:
        drawn = self._places_of(step)
        images, places = self._pixels.take(self._rows[drawn]), torch.from_numpy(drawn)
        if self._device.type != "cuda":
            return images, places
        # torch keeps pinned memory for the next steps, and for as long as a copy reads it
        return images.pin_memory(), places.pin_memory()


def of_pixels(pixels: Pixels, rows: Indices, places_of: PlacesOf, device: torch.device) -> Supply:
    """The supply that fits a device and the size of a set.

    Args:
        pixels: the images.
        rows: (n,) int64 rows that are trained on.
        places_of: see PlacesOf.
        device: what trains.
    """
    if device.type != "cuda":
        return Plain(lambda chosen: pixels.take(chosen).to(device), rows, places_of, device)
    free, _ = torch.cuda.mem_get_info(device)
    if fits(len(rows), pixels.shape[1:], free):
        return Resident(pixels, rows, places_of, device)
    return Streamed(pixels, rows, places_of, device)


def fits(count: int, shape: tuple[int, ...], free: int) -> bool:
    """Whether `count` uint8 images of a shape take no more than their share of `free` bytes."""
    return count * prod(shape) <= RESIDENT_SHARE * free
