"""Short trainings: repeated, and stopped in the middle and resumed, do they end with the same bits?

Where a repeated training ends otherwise, the device is not repeatable and a resumed one cannot be
asked to be; then the difference is told.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from unittest.mock import patch

import diff_sysc
import torch
from gpu_setting import Setting
from gpu_steps import SMALL, WIDE, step_floor
from gpu_table import Row, timed
from step_time import random_task

from sslapp.methods.registry import CARDS, method_class
from sslapp.training.inputs import supply
from sslapp.training.method import Method
from sslapp.training.run import Run, Stopped, Tensors
from sslapp.training.task import Task
from sslapp.vocabulary import Gear

DIFF_SYSC = "sslapp.methods.diff_sysc.method"


@dataclass(frozen=True)
class Short:
    """A short training.

    Attributes:
        part: its name in the table.
        what: in words.
        method: with its options.
        task: what it learns.
        gear: pixels or features.
        stop: how often it may go on until it is stopped.
        floor: seconds that its steps would take at the machine's own speed, if that is known.
    """

    part: str
    what: str
    method: Method
    task: Task
    gear: Gear
    stop: int
    floor: float | None = None


def fixmatch(setting: Setting) -> Iterator[Row]:
    """FixMatch; on a GPU also with images that come from the host while it trains."""
    dtype = setting.planned()
    short = _consistency(setting, "fixmatch", dtype)
    undisturbed = yield from _resumed(setting, short, dtype)
    if setting.device.type == "cuda":
        began = time.perf_counter()
        with patch.object(supply, "RESIDENT_SHARE", 0.0):
            streamed = _weights(short, _run(setting, short, dtype, "streamed"))
        row = timed(short.part, "images streamed from the host", time.perf_counter() - began)
        yield judged(row, difference(undisturbed, streamed), must_agree=True)


def layermatch(setting: Setting) -> Iterator[Row]:
    """LayerMatch."""
    dtype = setting.planned()
    yield from _resumed(setting, _consistency(setting, "layermatch", dtype), dtype)


def _consistency(setting: Setting, name: str, dtype: torch.dtype) -> Short:
    case = SMALL if setting.small else WIDE
    network, channels, size, batch, ratio = case
    steps = 4 if setting.small else 60
    floor = step_floor(setting, case, dtype)
    options = {"network": network, "batch_size": batch, "unlabelled_ratio": ratio, "steps": steps}
    return Short(
        name,
        f"{steps} steps, {network}, B {batch}, mu {ratio}",
        method_class(name)(CARDS[name].options(**options)),
        random_task(channels, size),
        Gear.PIXELS,
        steps // 2,
        None if floor is None else steps * floor,
    )


def diffusion(setting: Setting) -> Iterator[Row]:
    """Diff-SySC on random features, with fewer steps than it takes by itself."""
    images, width, steps = (600, 32, 40) if setting.small else (20_000, 512, 800)
    task, _ = diff_sysc.mixture(images, seed=0)
    options = {"iterations": 2, "width": width, "first_epochs": 4, "later_epochs": 2}
    short = Short(
        "diff-sysc",
        f"{steps} and {steps // 2} steps, {images:,} x {diff_sysc.DIMENSION}, width {width}",
        method_class("diff-sysc")(CARDS["diff-sysc"].options(**options)),
        task,
        Gear.FEATURES,
        steps // 2,
    )
    with patch.multiple(DIFF_SYSC, FIRST_STEPS=steps, LATER_STEPS=steps // 2):
        yield from _resumed(setting, short, setting.planned())


def _resumed(setting: Setting, short: Short, dtype: torch.dtype) -> Generator[Row, None, Tensors]:
    """Train undisturbed, again, and stopped and resumed; returns the first one's weights."""
    began = time.perf_counter()
    reports: list[int] = []
    undisturbed = _weights(short, _run(setting, short, dtype, "undisturbed", reports=reports))
    first = reports[0]
    yield timed(short.part, short.what, time.perf_counter() - began, short.floor)

    began = time.perf_counter()
    repeated = _weights(short, _run(setting, short, dtype, "repeated"))
    apart = difference(undisturbed, repeated)
    row = timed(short.part, "once more", time.perf_counter() - began, short.floor)
    yield judged(row, apart, must_agree=setting.device.type == "cpu")

    began = time.perf_counter()
    reports.clear()
    left = iter(range(short.stop))
    stopped = _run(setting, short, dtype, "stopped", should_stop=lambda: next(left, None) is None)
    with suppress(Stopped):
        _weights(short, stopped)
        raise RuntimeError(f"It ended before it could be stopped after {short.stop} steps.")
    resumed = _run(setting, short, dtype, "resumed", after=("stopped",), reports=reports)
    weights = _weights(short, resumed)
    row = timed(short.part, "stopped in the middle and resumed", time.perf_counter() - began)
    if reports[0] <= first:
        yield replace(row, problem="it did not go on where it was stopped, but from the start")
    else:
        yield judged(row, difference(undisturbed, weights), must_agree=apart == 0)
    return undisturbed


def _run(
    setting: Setting,
    short: Short,
    dtype: torch.dtype,
    name: str,
    *,
    after: Sequence[str] = (),
    reports: list[int] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Run:
    def report(step: int, total: int, metrics: Mapping[str, float]) -> None:
        if reports is not None:
            reports.append(step)

    return Run(
        gear=short.gear,
        device=setting.device,
        seed=0,
        folder=setting.folder / name,
        earlier=tuple(setting.folder / each for each in after),
        dtype=dtype,
        report=report,
        should_stop=should_stop,
        checkpoint_seconds=0.0 if name == "stopped" else 3600.0,
    )


def _weights(short: Short, run: Run) -> Tensors:
    """What it has learned, on the host, and what it says of some rows of the pool."""
    fitted = short.method.fit(short.task, run)
    source = short.task.pixels if short.gear is Gear.PIXELS else short.task.features
    assert source is not None
    said = fitted.logits(source, short.task.pool[:512])
    learned = {name: value.cpu() for name, value in fitted.module().state_dict().items()}
    return {**learned, "logits": said.cpu()}


def difference(one: Tensors, other: Tensors) -> float:
    """The largest between any two numbers; 0 where all bits are the same."""
    if one.keys() != other.keys():
        raise ValueError(f"Other tensors: {sorted(one.keys() ^ other.keys())[:3]}.")
    if all(torch.equal(one[name], other[name]) for name in one):
        return 0.0
    apart = [(one[name].double() - other[name].double()).abs().max() for name in one]
    return float(torch.stack(apart).nan_to_num(nan=torch.inf).max())


def judged(row: Row, apart: float, *, must_agree: bool) -> Row:
    """The row with what was found: a problem where two trainings should have agreed."""
    if apart == 0:
        return replace(row, note="the same bits")
    told = f"differs by up to {apart:.3g} from the undisturbed training"
    return replace(row, problem=told) if must_agree else replace(row, note=told)
