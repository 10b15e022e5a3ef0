"""How long a round will take: by a finished one like it, else by a rule of thumb.

A finished round tells seconds a step, and what it took besides: starting, looking at the holdout,
predicting. A method that takes no steps is taken to need as long as before for as many images.

The rule of thumb counts passes: one image once through the network forwards. A step of B labelled
images and mu B unlabelled ones in two views is 3 B (1 + 2 mu) passes, because the way back costs
about two; predicting N images at the end is N. Where a network is frozen in part the way back costs
less. It was fitted to the FixMatch steps of
docs/benchmarks.md (2 threads, bf16) and is within a factor of 1.2 of those; on another machine it
may be wrong by 2 or 3.

In the features gear a step takes as long as reading its features and a linear head need.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from sslapp.jobs import history
from sslapp.methods.registry import CARDS
from sslapp.store import rounds
from sslapp.store.database import reading
from sslapp.store.reports import Curve
from sslapp.store.rounds import StoredRound
from sslapp.training.calibration.sources import FITS
from sslapp.training.configuration import (
    ConsistencyConfig,
    LongConfig,
    batch_size_of,
    steps_of,
    trainings_of,
)
from sslapp.usecases.access import Access, require
from sslapp.usecases.training.metrics import SECONDS, curves
from sslapp.vocabulary import CalibratedOn, Gear, JobState

FIXED, PER_PIXEL = 1.05e-5, 7.0e-8
"""Seconds of a pass of the small CNN, at all and for each pixel: 15 us at 8x8, 65 us at 28x28."""

CHANNEL = 0.125
"""What a further channel adds, as a share of one: the first of the layers alone grows."""

NETWORKS = {"small-cnn": 1.0, "wrn-28-2": 6.8, "wrn-28-8": 100.0, "wrn-37-2": 2.3}
"""Cost of a pass in those of the small CNN; the last two by their multiplications, not measured."""

LITE_PER_PIXEL = {"efficientnet-lite0": 3.2e-7, "efficientnet-lite2": 4.4e-7}
"""Seconds of a third of what an image of a step takes, for each pixel, of the EfficientNets, which
run in float32 on every CPU: 44 ms of one thread for an image of 160 pixels by the first."""

PASSES = {"all": 3.0, "lora": 2.7, "last-blocks": 1.5, "head": 0.9}
"""What an image of a step costs, in passes, by what of the network learns: measured with
EfficientNet-Lite0, whose own way forwards takes .8 of a pass."""

DECODING = 0.01
"""Seconds of one thread to read an image from its original at another size."""

OTHER_NETWORKS = 50.0
"""That of timm's networks, of which nothing is known before one ran: by the multiplications of a
vision transformer with patches of 2 pixels."""

MEASURED_THREADS, MOST_THREADS = 2, 8
"""Threads of the measurement; from so many on, more of them are not taken to help."""

WITHOUT_BF16 = 2.5
"""What float32 costs on a processor without bf16 units, in times of bf16."""

FEATURES_FIXED, FEATURES_PER_IMAGE = 1.0, 3e-4
"""Seconds of a round in the features gear: 16 s for 60,000 images by label propagation."""

HEAD_STEP, HEAD_PER_IMAGE = 8e-4, 2.7e-6
"""Seconds of a step of the linear head, at all and for each view of an image. With 1,280 features
1.5 ms were measured for 288 views and 3.6 ms for 960, on 2 cores of a busy machine; with 512 it was
1.3 ms and 1.9 ms, which is close enough for a rule that does not know the encoder."""

ALIKE = ("network", "unlabelled_ratio", "image_size", "train")
"""Options that, with the batch, have to be the same for a finished round to tell how fast the next
will be."""


@dataclass(frozen=True)
class Planned:
    """A round that is not started yet.

    Attributes:
        config: its options, complete.
        trained: images with a label to train on, and of the pool.
        images: images to predict in the end.
        size: height, width and channels of an image.
        calibrated_on: whose labels; some ask for further fits.
        encoders: whose features it sees; a method that averages several is fitted on each.
    """

    method: str
    gear: Gear
    config: Mapping[str, Any]
    trained: int
    images: int
    size: tuple[int, int, int]
    calibrated_on: CalibratedOn = CalibratedOn.HOLDOUT
    encoders: int = 1


@dataclass(frozen=True)
class Estimate:
    """Seconds, and the number of the round they were told by; None for the rule of thumb."""

    seconds: float
    round_number: int | None


def estimate(access: Access, project_id: int, planned: Planned) -> Estimate:
    """How long the round will take on this machine once its turn comes."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        for each in _finished_here(conn, project_id, planned):
            seconds = each.metrics.get("seconds")
            if seconds and _alike(each.config, planned.config):
                curve = curves(conn, each.id).get(SECONDS, [])
                images = each.snapshot.counts["images"]
                source = CalibratedOn(each.metrics.get("calibrated_on", CalibratedOn.HOLDOUT))
                fits = fits_of(each.method, source, 1 + len(each.embeddings_beside or ()))
                told = scaled(seconds, images, curve, planned, fits=fits)
                return Estimate(told, each.number)
    return Estimate(rule_of_thumb(planned, threads=default_threads(), bf16=has_bf16()), None)


def _finished_here(conn: Connection, project_id: int, planned: Planned) -> list[StoredRound]:
    """The finished rounds of its method and gear that ran through on this machine, newest first."""
    same = [
        each
        for each in reversed(rounds.all_rounds(conn, project_id))
        if (each.method, each.gear) == (planned.method, planned.gear)
    ]
    jobs = history.jobs_by_id(conn, [each.job_id for each in same])
    # the seconds of a resumed round are those of its last attempt
    here = {
        job_id
        for job_id, row in jobs.items()
        if (row["state"], row["attempt"], row["host"]) == (JobState.DONE, 1, socket.gethostname())
    }
    return [each for each in same if each.job_id in here]


def fits_of(method: str, source: CalibratedOn, encoders: int) -> int:
    """Fits that a round is made of; of a method that cross-fits by itself always as many."""
    card = CARDS.get(method)
    by_itself = card is not None and card.options.cross_fits
    return FITS[CalibratedOn.FOLDS if by_itself else source] * encoders


def scaled(seconds: float, images: int, curve: Curve, planned: Planned, *, fits: int = 1) -> float:
    """Seconds of a round by those of one like it.

    Args:
        seconds: of the finished round, in all.
        images: that it predicted.
        curve: (step, seconds since it began) as it reported them.
        planned: the round to come.
        fits: how many the finished one was made of.
    """
    more = fits_of(planned.method, planned.calibrated_on, planned.encoders)
    if not _takes_steps(planned) or len(curve) < 2:
        return seconds * planned.images / max(images, 1) * more / fits
    (first, began), (last, ended) = curve[0], curve[-1]
    a_step = (ended - began) / (last - first)
    besides = max(seconds - a_step * last * fits, 0.0)
    steps = _all_steps(planned.config, planned.trained)
    return a_step * steps * more + besides * planned.images / max(images, 1)


def passes(config: Mapping[str, Any], trained: int, images: int) -> float:
    """Passes of a round that takes steps. `trained` and `images` as in Planned."""
    each = PASSES[config.get("train", "all")]
    return each * _all_steps(config, trained) * (images_per_step(config) or 0) + images


def images_per_step(config: Mapping[str, Any]) -> int | None:
    """Images, each view counted, that a step takes; None for a method without steps."""
    if "steps" not in config:
        return None
    return batch_size_of(config) * (1 + 2 * int(config.get("unlabelled_ratio", 0)))


def rule_of_thumb(planned: Planned, *, threads: int, bf16: bool) -> float:
    """Seconds of a round of which nothing like it has run here."""
    fits = fits_of(planned.method, planned.calibrated_on, planned.encoders)
    if planned.gear == Gear.FEATURES or "steps" not in planned.config:
        a_fit = FEATURES_FIXED + FEATURES_PER_IMAGE * planned.images + _head_steps(planned)
        return fits * a_fit
    needed = fits * passes(planned.config, planned.trained, planned.images)
    side = planned.config.get("image_size", 0)
    reading = DECODING * planned.images / min(threads, MOST_THREADS) if side else 0.0
    return _passing(planned.config, planned.size, needed, threads=threads, bf16=bf16) + reading


def time_of_passes(config: Mapping[str, Any], size: tuple[int, int, int], needed: float) -> float:
    """Seconds of so many passes of a network here, by the rule of thumb.

    Args:
        config: of a training.
        size: height, width and channels of the training store.
        needed: passes.
    """
    return _passing(config, size, needed, threads=default_threads(), bf16=has_bf16())


def _passing(
    config: Mapping[str, Any],
    size: tuple[int, int, int],
    needed: float,
    *,
    threads: int,
    bf16: bool,
) -> float:
    speed = min(threads, MOST_THREADS) / MEASURED_THREADS
    return needed * _a_pass(config, size, bf16=bf16) / speed


def _a_pass(config: Mapping[str, Any], size: tuple[int, int, int], *, bf16: bool) -> float:
    """Seconds of a pass on so many threads as were measured."""
    height, width, channels = size
    network, side = config["network"], config.get("image_size", 0)
    pixels = side**2 or height * width
    if network in LITE_PER_PIXEL:
        return LITE_PER_PIXEL[network] * pixels
    seconds = FIXED + PER_PIXEL * pixels * (1 + CHANNEL * (channels - 1))
    return seconds * NETWORKS.get(network, OTHER_NETWORKS) * (1 if bf16 else WITHOUT_BF16)


def default_threads() -> int:
    """How many threads a round plans with here if nobody says; see `rounds.plan`."""
    return max(1, (os.cpu_count() or 2) - 1)


def has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 numbers itself, by what Linux says of it."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return False
    flags = next((x for x in info.read_text().splitlines() if x.startswith("flags")), "")
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _takes_steps(planned: Planned) -> bool:
    return "steps" in planned.config and "steps" in CARDS[planned.method].effective(planned.gear)


def _all_steps(config: Mapping[str, Any], trained: int) -> int:
    return trainings_of(config) * steps_of(config, trained)


def _head_steps(planned: Planned) -> float:
    if not _takes_steps(planned):
        return 0.0
    steps = _all_steps(planned.config, planned.trained)
    return steps * (HEAD_STEP + HEAD_PER_IMAGE * (images_per_step(planned.config) or 0))


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if "steps" not in one:  # what makes such a method slow is its own affair
        return _but_for_fits(one) == _but_for_fits(other)
    same = batch_size_of(one) == batch_size_of(other)
    return same and all(_told(one, name) == _told(other, name) for name in ALIKE)


def _told(config: Mapping[str, Any], name: str) -> Any:
    """An option's value; of a round of an earlier version that had no such option, its default."""
    field = ConsistencyConfig.model_fields[name]
    return config[name] if name in config else field.get_default()


def _but_for_fits(config: Mapping[str, Any]) -> dict[str, Any]:
    """Options without those that say how many fits there are, which are counted apart."""
    return {name: value for name, value in config.items() if name not in LongConfig.model_fields}
