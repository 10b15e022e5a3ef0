"""What must not change between the attempts of a round, so that a killed round ends like an
undisturbed one: device, threads, number format and versions.
"""

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

import sslapp


def make_plan(threads: int | None) -> dict[str, Any]:
    """Decide how a round computes on this machine.

    Args:
        threads: for numerical work on a CPU; None leaves one core to the app and its readers.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return {
        "device": device,
        "threads": threads or max(1, (os.cpu_count() or 2) - 1),
        "dtype": "bfloat16" if device == "cuda" or _has_bf16_units() else "float32",
        "processor": torch.cuda.get_device_name() if device == "cuda" else _cpu_model(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "sslapp": sslapp.__version__,
    }


def differences(planned: Mapping[str, Any], threads: int | None) -> list[str]:
    """What an attempt on this machine would do differently from the plan, in words."""
    here = make_plan(threads or planned["threads"])
    return [
        f"{name} was {planned.get(name)} and would be {value}"
        for name, value in here.items()
        if planned.get(name) != value
    ]


def apply_plan(plan: Mapping[str, Any]) -> tuple[torch.device, torch.dtype]:
    """Set this process's threads and deterministic kernels; return device and autocast type."""
    torch.set_num_threads(plan["threads"])
    torch.backends.cudnn.benchmark = False
    return torch.device(plan["device"]), getattr(torch, plan["dtype"])


def _has_bf16_units() -> bool:
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
