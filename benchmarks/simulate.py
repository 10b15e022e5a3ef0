"""The whole loop with a simulated reader, FixMatch beside its baselines on the same labels.

    python benchmarks/simulate.py digits --seeds 5
    python benchmarks/simulate.py mnist --root data --seeds 3

Each seed plays `sslapp simulate` in a process of its own. Then the baselines (supervised on the
same network, label propagation on the embedding) train on the snapshot of the loop's last round,
so that every row of the table knows the same labels. `label` is the accuracy over all images of
the pool when every image a reader judged keeps that answer and the rest takes the method's;
`test` is over the test split. Peak memory is that of the whole process.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

BASELINES = ("supervised", "label-propagation")
COURSES: dict[str, dict[str, Any]] = {
    "digits": {},
    "mnist": {"labels": 100, "acquisition": "balanced", "rounds": 1, "reviews": 0},
}


def play(data: str, root: Path | None, seed: int, threads: int | None) -> dict[str, Any]:
    """Play one seed and return the figures of every method."""
    from sslapp.usecases.access import enter
    from sslapp.usecases.simulation import Simulation, simulate
    from sslapp.workspace import Workspace

    with tempfile.TemporaryDirectory() as folder:
        access = enter(Workspace(workspace=Path(folder)))
        what = Simulation(data=data, root=root, seed=seed, threads=threads, **COURSES[data])
        started = time.monotonic()
        report = simulate(access, what)
        seconds = time.monotonic() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        final = report["final"]
        found = {
            "fixmatch": {
                "label": final["label_accuracy"],
                "test": final["test_accuracy"],
                "actions": final["reader_actions"],
                "seconds": seconds,
                "memory_gb": peak,
            }
        }
        for method in BASELINES:
            found[method] = baseline(access, report, method, seed, threads)
        return found


def baseline(
    access: Any, report: dict[str, Any], method: str, seed: int, threads: int | None
) -> dict[str, Any]:
    """Train `method` on the last round's snapshot and score it with the reader's own answers."""
    from sslapp.jobs.worker import work
    from sslapp.store import images
    from sslapp.store.database import reading
    from sslapp.store.rounds import finished_round
    from sslapp.store.state import load_state
    from sslapp.usecases.handlers import HANDLERS
    from sslapp.usecases.training.rounds import start_round

    started = time.monotonic()
    project = report["project"]
    last = report["rounds"][-1]["round"]
    number = start_round(access, project, method=method, same_as=last, seed=seed)
    cores = threads or os.cpu_count()
    work(access.workspace, access.engine, HANDLERS, threads=cores, until_idle=True)
    seconds = time.monotonic() - started
    with reading(access.engine) as conn:
        state = load_state(conn, 1)
        predicted = finished_round(conn, 1, number)
        truth_ids = images.true_labels(conn, 1)
        judged = judged_singly(conn)
    ids = np.array(predicted.class_ids)
    answers = ids[predicted.read_probabilities(access.workspace).argmax(axis=1)]
    labels = answers.copy()
    labels[judged] = state.class_ids[state.labels[judged]]
    pool, right = ~state.is_test, labels == truth_ids
    test = (answers == truth_ids)[state.is_test]
    return {
        "label": float(right[pool].mean()),
        "test": float(test.mean()) if len(test) else None,
        "actions": report["final"]["reader_actions"],
        "seconds": seconds,
        "memory_gb": None,
    }


def judged_singly(conn: Any) -> np.ndarray:
    """Positions whose label a reader gave or confirmed one by one."""
    from sqlalchemy import select

    from sslapp.store.schema import current_label, event
    from sslapp.vocabulary import EventKind

    rows = conn.execute(
        select(current_label.c.position)
        .join(event, event.c.number == current_label.c.event_number)
        .where(event.c.kind != EventKind.BULK_ACCEPT)
    )
    return np.array(rows.scalars().all(), dtype=np.int64)


def in_own_process(arguments: list[str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, *arguments, "--one"], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def print_table(data: str, results: list[dict[str, dict[str, Any]]]) -> None:
    base = statistics.mean(each["supervised"]["label"] for each in results)
    print(f"{data}, {len(results)} seeds, {platform.processor() or platform.machine()}, ", end="")
    print(f"{os.cpu_count()} cores")
    names = ["method", "label mean", "min", "errors/superv.", "test mean", "min", "actions"]
    names += ["s max", "GB max"]
    print("  ".join(f"{name:>17}" for name in names))
    for method in results[0]:
        rows = [each[method] for each in results]
        label = [row["label"] for row in rows]
        test = [row["test"] for row in rows if row["test"] is not None]
        memory = [row["memory_gb"] for row in rows if row["memory_gb"]]
        cells = [
            method,
            f"{statistics.mean(label):.4f}",
            f"{min(label):.4f}",
            f"{(1 - statistics.mean(label)) / (1 - base):.2f}",
            f"{statistics.mean(test):.4f}" if test else "-",
            f"{min(test):.4f}" if test else "-",
            str(max(row["actions"] for row in rows)),
            f"{max(row['seconds'] for row in rows):.1f}",
            f"{max(memory):.2f}" if memory else "-",
        ]
        print("  ".join(f"{cell:>17}" for cell in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", choices=COURSES)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        found = play(options.data, options.root, options.seeds, options.threads)
        print(json.dumps(found))
        return
    shared = [options.data]
    shared += ["--root", str(options.root)] if options.root else []
    shared += ["--threads", str(options.threads)] if options.threads else []
    results = []
    for seed in range(options.seeds):
        results.append(in_own_process([*shared, "--seeds", str(seed)]))
        print(f"seed {seed}: {json.dumps(results[-1])}", file=sys.stderr)
    print_table(options.data, results)


if __name__ == "__main__":
    main()
