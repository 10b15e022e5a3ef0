"""How fast the machine is, and how near to that a FixMatch step comes by each kind of kernels."""

import time
from collections.abc import Iterator, Sequence
from functools import partial

import step_time
import torch
from gpu_setting import Setting
from gpu_table import Row, timed
from step_time import CONVOLUTION, COPY, PASSES, PROBES, WARM_UP, Case, Probes, Subject

from sslapp.training.kernels import Kernels

MACHINE = "machine"

WIDE: Case = ("wrn-28-2", 3, 32, 64, 7)
SMALL: Case = ("small-cnn", 1, 8, 8, 2)
SMALL_PROBES = Probes((128,), (2, 16, 16), 2**18)


def machine(setting: Setting) -> Iterator[Row]:
    """The speed of matrix products, a convolution and a large copy: what floors are made of."""
    setting.planned()
    yield Row(part=MACHINE, what="device", note=device_name(setting.device))
    probes = SMALL_PROBES if setting.small else PROBES[setting.device.type]
    for what, speed in step_time.speeds(setting.device, probes).items():
        tf32 = what == f"float32 {CONVOLUTION}" and torch.backends.cudnn.allow_tf32
        yield Row(
            part=MACHINE,
            what=what,
            figure=speed,
            unit="GB/s" if what == COPY else "TFLOP/s",
            note="TF32 allowed" if tf32 and setting.device.type == "cuda" else "",
        )


def speeds_in(rows: Sequence[Row]) -> dict[str, float]:
    """The machine's speeds, {} where they are not all there."""
    found = {row.what: row.figure for row in rows if row.part == MACHINE and row.figure}
    return found if COPY in found else {}


def device_name(device: torch.device) -> str:
    """What computes, and with which libraries."""
    if device.type != "cuda":
        return f"{torch.get_num_threads()} threads"
    about = torch.cuda.get_device_properties(device)
    cudnn = torch.backends.cudnn.version()
    memory = f"{about.total_memory / 2**30:.0f} GiB"
    return f"{about.name}, {memory}, CUDA {torch.version.cuda}, cuDNN {cudnn}"


def eager(setting: Setting) -> Iterator[Row]:
    """One kernel an operation: as a round computes, with kernels chosen by speed, in float32."""
    yield from _steps(setting, "eager")
    if not setting.small:
        yield from _steps(setting, "eager", deterministic=False)
        yield from _steps(setting, "eager", dtype=torch.float32)


def compiled(setting: Setting) -> Iterator[Row]:
    """Kernels by torch.compile."""
    yield from _steps(setting, "compile")


def recorded(setting: Setting) -> Iterator[Row]:
    """Those, recorded as CUDA graphs."""
    yield from _steps(setting, "cuda-graphs")


def _steps(
    setting: Setting,
    kernels: Kernels,
    *,
    dtype: torch.dtype | None = None,
    deterministic: bool = True,
) -> Iterator[Row]:
    planned = setting.planned(deterministic=deterministic)
    dtype = dtype or planned
    case, turns, steps = (SMALL, 1, 1) if setting.small else (WIDE, 5, 20)
    kind = "" if deterministic else ", kernels chosen by speed"
    what = f"{case[0]}, B {case[3]}, mu {case[4]}, {name_of(dtype)}{kind}"
    row = partial(timed, f"step, {kernels}")
    floor = step_floor(setting, case, dtype)
    subject = Subject(case, dtype, setting.device, setting.folder, kernels)
    if kernels != "eager":
        began = time.perf_counter()
        subject.step()
        step_time.now(setting.device)
        yield row("the first step, with its compilation", time.perf_counter() - began)
    for _ in range(WARM_UP + turns):
        subject.turn(steps)
    seconds = subject.seconds()
    yield row(
        what,
        seconds,
        floor,
        memory=subject.peak or None,
        note=f"{subject.images / seconds:,.0f} images/s, "
        f"augmentation {subject.share('augmentation'):.0%}, "
        f"network {subject.share('network'):.0%}",
    )


def step_floor(setting: Setting, case: Case, dtype: torch.dtype) -> float | None:
    """Seconds that a step would take at the machine's own speed."""
    # counted in an eager step: compiled kernels are not made of operations that can be counted
    work = Subject(case, dtype, setting.device, setting.folder, "eager").work()
    return setting.floor(work.flop, PASSES * work.stored, name_of(dtype))


def name_of(dtype: torch.dtype) -> str:
    """As torch calls it."""
    return str(dtype).removeprefix("torch.")
