"""What must not change between the attempts of a round, so that a killed round ends like an
undisturbed one: device, threads, number format, kernels and versions.

Kernels are compiled and recorded as CUDA graphs where that pays: a wide ResNet is bound by memory
traffic that fusing saves, and small batches by the launches that graphs save, but compiling takes
about a minute, in which a GPU takes some thousands of steps without it. `SSLAPP_KERNELS` and
`SSLAPP_DETERMINISTIC` say otherwise.
"""

import os
import platform
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

import sslapp
from sslapp.embedding.precision import has_bfloat16_units
from sslapp.training.kernels import Kernels

LONG = 10_000
"""Steps from which on a training on a GPU is compiled if nobody says."""


def make_plan(
    threads: int | None,
    *,
    kernels: Kernels | Literal["auto"] = "auto",
    deterministic: bool | None = None,
    steps: int = 0,
) -> dict[str, Any]:
    """Decide how a round computes on this machine.

    Args:
        threads: for numerical work on a CPU; None leaves one core to the app and its readers.
        kernels: see `training.kernels`; "auto" decides by device and steps.
        deterministic: whether a GPU is to use kernels that give the same bits every time; None is
            yes. Without them it picks the fastest of several, and a resumed round may end
            otherwise. On a CPU every kernel used here is of that kind.
        steps: of the training as the round's options say, 0 if they leave it open.

    Raises:
        ValueError: when this machine cannot run such kernels.
    """
    device = _device()
    return {
        "device": device,
        "threads": threads or max(1, (os.cpu_count() or 2) - 1),
        "dtype": "bfloat16" if device == "cuda" or has_bfloat16_units() else "float32",
        "kernels": _kernels(kernels, device, steps),
        "deterministic": deterministic is not False,
        "processor": torch.cuda.get_device_name() if device == "cuda" else _cpu_model(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "sslapp": sslapp.__version__,
    }


def differences(
    planned: Mapping[str, Any],
    threads: int | None,
    *,
    kernels: Kernels | Literal["auto"] = "auto",
    deterministic: bool | None = None,
) -> list[str]:
    """What an attempt on this machine would do differently from the plan, in words.

    Where the arguments of `make_plan` leave a choice open, it is as planned.

    Raises:
        ValueError: when this machine cannot run the kernels asked for.
    """
    here = as_planned(planned, threads, kernels=kernels, deterministic=deterministic)
    return [
        f"{name} was {planned.get(name)} and would be {value}"
        for name, value in here.items()
        if planned.get(name) != value
    ]


def as_planned(
    planned: Mapping[str, Any],
    threads: int | None,
    *,
    kernels: Kernels | Literal["auto"] = "auto",
    deterministic: bool | None = None,
) -> dict[str, Any]:
    """A plan for this machine that takes over from another what is left open, if it can."""
    before = planned.get("kernels", "eager")
    if kernels == "auto" and _why_not(before, _device()) is None:
        kernels = before
    return make_plan(
        threads or planned["threads"],
        kernels=kernels,
        deterministic=planned.get("deterministic") if deterministic is None else deterministic,
    )


def apply_plan(plan: Mapping[str, Any]) -> tuple[torch.device, torch.dtype]:
    """Set this process's threads and deterministic kernels; return device and autocast type."""
    torch.set_num_threads(plan["threads"])
    deterministic = plan["deterministic"]
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read at cuBLAS's first call
    # a warning where torch has no such kernel, and no error: max pooling on a GPU is of that kind
    # although the small CNN's windows do not overlap, so that no sum of it has an order
    if plan.get("kernels", "eager") == "eager":
        # the same, without the compiler's packages, which take seconds to load
        torch.set_deterministic_debug_mode("warn" if deterministic else "default")
    else:
        torch.use_deterministic_algorithms(deterministic, warn_only=True)
    # nothing here reads memory that it did not write, and filling it takes time
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.deterministic = deterministic
    torch.backends.cudnn.benchmark = not deterministic
    return torch.device(plan["device"]), getattr(torch, plan["dtype"])


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _kernels(asked: Kernels | Literal["auto"], device: str, steps: int) -> Kernels:
    if asked == "auto":
        pays = device == "cuda" and steps >= LONG
        return "cuda-graphs" if pays and _why_not("cuda-graphs", device) is None else "eager"
    reason = _why_not(asked, device)
    if reason is not None:
        raise ValueError(f"kernels: {asked} {reason}")
    return asked


def _why_not(kernels: Kernels, device: str) -> str | None:
    """Why this machine cannot run them, with the mend, or None where it can."""
    if kernels == "cuda-graphs" and device != "cuda":
        return "need a CUDA GPU, and torch finds none. Set SSLAPP_KERNELS to eager or auto."
    if kernels != "eager" and not _has_compiler(device):
        tools = "a C++ compiler and Triton" if device == "cuda" else "a C++ compiler"
        return f"needs {tools}, not all found here. Install it, or set SSLAPP_KERNELS to eager."
    return None


def _has_compiler(device: str) -> bool:
    """Whether torch.compile can make kernels: Triton's on a GPU, and C++ in either case."""
    compiler = any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++"))
    return compiler and (device != "cuda" or find_spec("triton") is not None)


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
