"""Everything that claims to run on a GPU, in at most eight minutes, without a network.

    make gpu
    make gpu DEVICE=cpu
    PYTHONPATH=. python benchmarks/gpu.py --device cuda --out build/gpu

CUDA tests; FixMatch steps of WRN-28-2 by all three kinds of kernels; short FixMatch, LayerMatch and
Diff-SySC trainings, repeated, and stopped and resumed; FAISS among a million rows; the encoder's
throughput. Writes gpu.json and gpu.md: of every figure its floor, the share of it that is reached,
and the peak memory.

The floor is what the operations, or the bytes that must be moved, would take at the speed of matrix
products, a convolution and a large copy, measured first (see step_time.py). Every part has a
process and a time of its own; one that fails is a row with its error, the others go on, and the
exit status is 1. On a CPU everything is as small as a test wants it, and what only a GPU can do is
left out.
"""

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import gpu_encoding
import gpu_search
import gpu_steps
import gpu_table
import gpu_tests
import gpu_trainings
import torch
from gpu_parts import Part, run
from gpu_setting import Setting
from gpu_table import Row

BUDGET = 450.0
"""Seconds for all parts; the rest of eight minutes is for loading libraries and ending."""

PARTS = (
    Part(gpu_steps.MACHINE, gpu_steps.machine, 60),
    Part(gpu_tests.PART, gpu_tests.cuda_tests, 90),
    Part("step, eager", gpu_steps.eager, 90),
    Part("fixmatch", gpu_trainings.fixmatch, 60),
    Part("layermatch", gpu_trainings.layermatch, 60),
    Part("diff-sysc", gpu_trainings.diffusion, 60),
    Part(gpu_search.PART, gpu_search.search, 90),
    Part(gpu_encoding.PART, gpu_encoding.throughput, 60),
    Part("step, compile", gpu_steps.compiled, 150, ("cuda",)),
    Part("step, cuda-graphs", gpu_steps.recorded, 150, ("cuda",)),
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--out", type=Path, default=Path("build/gpu"))
    names = [part.name for part in PARTS]
    parser.add_argument("--parts", nargs="+", choices=names, default=names)
    parser.add_argument("--budget", type=float, default=BUDGET, help="Seconds for all parts.")
    options = parser.parse_args(arguments)
    if options.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # what the program decides by itself is for a CPU
    chosen = [
        part for part in PARTS if part.name in options.parts and options.device in part.devices
    ]
    options.out.mkdir(parents=True, exist_ok=True)
    about = versions(options.device)

    def setting(folder: Path, rows: Sequence[Row]) -> Setting:
        return Setting(
            device=torch.device(options.device),
            small=options.device == "cpu",
            folder=folder,
            speeds=gpu_steps.speeds_in(rows),
        )

    rows = run(
        chosen,
        setting,
        budget=options.budget,
        keep=lambda rows: write(options.out, about, rows),
    )
    print(gpu_table.markdown(about, rows), flush=True)
    return bool(gpu_table.failed(rows))


def versions(device: str) -> dict[str, object]:
    """What was measured, where and when."""
    return {
        "device": device,
        "torch": torch.__version__,
        "Python": platform.python_version(),
        "cores": os.cpu_count(),
        "date": time.strftime("%Y-%m-%d"),
    }


def write(out: Path, about: dict[str, object], rows: Sequence[Row]) -> None:
    """Put both files in their place, after every part: what was found stays if all is killed."""
    found = json.dumps(gpu_table.as_json(about, rows), indent=1)
    (out / "gpu.json").write_text(found + "\n", encoding="utf-8")
    (out / "gpu.md").write_text(gpu_table.markdown(about, rows), encoding="utf-8")


if __name__ == "__main__":
    # whoever ends this ends the part in hand as well
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
