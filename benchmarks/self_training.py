"""Which threshold does self-training need on frozen features?

    python benchmarks/self_training.py --data FOLDER --cache FOLDER [--seeds 2]

Share of the pool that is right, mean over the seeds, by the linear probe that it begins with
(`supervised`) and by self-training with some thresholds. The sets are those of the grids `zoo` and
`pretrained` of methods.py: digits and MNIST as raw pixels, photographs of clothing and chest X-rays
by EfficientNet-Lite0; labels are what `auto` acquisition asks for. FOLDER is as for methods.py.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from methods import GRIDS
from methods_data import load

from sslapp.methods.registry import method_class
from sslapp.training.run import Run
from sslapp.training.task import Task
from sslapp.vocabulary import Gear

SETS = (*GRIDS["zoo"].sets, *GRIDS["pretrained"].sets)
ROWS: dict[str, tuple[str, dict[str, object]]] = {
    "`supervised`": ("supervised", {}),
    "tau .95": ("self-training", {"tau": 0.95}),
    "tau .8": ("self-training", {"tau": 0.8}),
    "tau .6": ("self-training", {"tau": 0.6}),
    "tau .8, accumulate, 20 a class": (
        "self-training",
        {"tau": 0.8, "mode": "accumulate", "most_per_class": 20},
    ),
}


def right(name: str, options: dict[str, object], task: Task, truth: np.ndarray, seed: int) -> float:
    """Share of the pool that a method on features gets right."""
    made, features = method_class(name), task.features
    assert features is not None
    with tempfile.TemporaryDirectory() as folder:
        run = Run(gear=Gear.FEATURES, device=torch.device("cpu"), seed=seed, folder=Path(folder))
        fitted = made(made.Config(**options)).fit(task, run)
        found = fitted.logits(features, task.pool).argmax(dim=1).numpy()
    return float((found == truth[task.pool]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="as for methods.py")
    parser.add_argument("--cache", type=Path, required=True, help="keeps what is encoded")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{options.seeds} seeds, {options.threads} threads, {time.strftime('%Y-%m-%d')}\n")
    print(f"| set, labels | {' | '.join(ROWS)} |\n|---|{'---|' * len(ROWS)}")
    for images in SETS:
        imported = load(images, options.data, options.cache, lambda _: None)
        shares = []
        for name, values in ROWS.values():
            found = [
                right(name, values, imported.task(seed), imported.truth, seed)
                for seed in range(options.seeds)
            ]
            shares.append(f"{np.mean(found):.3f}".removeprefix("0"))
        print(f"| {images.name}, {images.labels} | {' | '.join(shares)} |", flush=True)


if __name__ == "__main__":
    main()
