"""Whether the suggested method is a good one, on few labels of four sets.

    python benchmarks/suggestion.py --data FOLDER --cache FOLDER
    python benchmarks/suggestion.py --data FOLDER --cache FOLDER --sets digits --draws 1

Labels are drawn at random, at least one a class. The methods are asked about them by cross-fitting
(sslapp/rounds/trials.py), and what is suggested follows from that alone (sslapp/review/trial.py).
Then every method is fitted to all labels, and its accuracy on the other images is what the
suggestion is judged by. Finished runs are kept in benchmarks/results/suggestion.csv, and a later
call goes on from there; --again forgets.

Photographs and radiographs are played with a second encoder beside the first as well: the ensemble
averages over both, single methods see both side by side.

The bars: in every cell the suggested method's mean accuracy is at least .97 of the best single
method's in hindsight, which is picked anew in every draw, and not below the linear probe's by more
than .005; over all cells it is above the prototypes', which were suggested before, by .03. With a
second encoder what is suggested is .015 better than with one, on average over the cells of both.

FOLDER holds cifar10.npz, chest-xray.npz (MedMNIST layout) and the folder clothing (a sub-folder a
class); digits come with scikit-learn.
"""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import calibration
import finished_runs
import methods_data
import numpy as np
import torch
from methods_data import ImageSet, Imported

from sslapp.methods.registry import method_class
from sslapp.review.trial import Trial, parted
from sslapp.rounds.data import TaskFeatures
from sslapp.rounds.plan import apply_plan, make_plan
from sslapp.rounds.trials import QUICK, try_methods
from sslapp.training.inputs.joined import JoinedFeatures
from sslapp.training.run import Run
from sslapp.training.task import Features, features_of
from sslapp.vocabulary import Gear

KEPT = finished_runs.RESULTS / "suggestion.csv"
LABELS, DRAWS = (20, 40, 100), 10
ENSEMBLE, PROBE, BEFORE = "head-ensemble", "supervised", "prototypes"
METHODS = (ENSEMBLE, *QUICK)
SECOND, WITH_SECOND = "efficientnet-lite2", ("clothing", "chest-xray")

SETS = {
    **{name: calibration.SETS[name] for name in ("digits", "chest-xray", "clothing")},
    "cifar10": ImageSet(
        name="cifar10", labels=0, size=32, encoder=calibration.EFFICIENT, pool=3000, test=0
    ),
}

OF_BEST, OF_PROBE, OF_BEFORE, OF_ONE = 0.97, 0.005, 0.03, 0.015


@dataclass(frozen=True)
class Outcome:
    """One method on one draw.

    Attributes:
        judged, right, only_this, only_ensemble: of its trial.
        encoders: how many there are.
        accuracy: on the images without a label, fitted to all labels.
        seconds: of the whole comparison; the same for all methods of a draw.
    """

    set: str
    labels: int
    draw: int
    encoders: int
    method: str
    judged: int
    right: int
    only_this: int
    only_ensemble: int
    accuracy: float
    seconds: float

    @property
    def trial(self) -> Trial:
        """As the suggestion sees it."""
        return Trial(
            method=self.method,
            gear=Gear.FEATURES,
            encoders=(),
            judged=self.judged,
            right=self.right,
            only_this=self.only_this,
            only_ensemble=self.only_ensemble,
            groups_this=self.only_this,
            groups_ensemble=self.only_ensemble,
            seconds=0.0,
        )


def run_draw(name: str, labels: int, draw: int, imported: Imported, second: bool) -> list[Outcome]:
    """Compare on the labels, then fit every method to all of them; single ones see all encoders."""
    task = calibration.draw(imported, labels, draw)
    features = TaskFeatures.read(imported.features, name=imported.plan.installed_encoder)
    joined: Features = features
    if second:
        path = methods_data.encoded(imported, SECOND, print)
        features = replace(features, beside=[TaskFeatures.read(path, name=SECOND)])
        joined = JoinedFeatures(features)
    task = replace(task, features=features)
    device, dtype = apply_plan(make_plan(1))  # the fits are small: a second thread gains nothing
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        run = Run(gear=Gear.FEATURES, device=device, seed=draw, folder=Path(folder), dtype=dtype)
        started = time.perf_counter()
        trials = {each.method: each for each in try_methods(task, run) if _whole(each, second)}
        seconds = time.perf_counter() - started
        for method in METHODS:
            made = method_class(method)
            seen = task if method == ENSEMBLE else replace(task, features=joined)
            fitted = made(made.Config()).fit(seen, run.within(f"all-{method}"))
            said = torch.cat(
                [fitted.logits(features_of(seen), rows) for rows in np.array_split(task.pool, 4)]
            )
            right = said.argmax(dim=1).numpy() == imported.truth[task.pool]
            found = trials[method]
            outcomes.append(
                Outcome(
                    set=name,
                    labels=labels,
                    draw=draw,
                    encoders=1 + second,
                    method=method,
                    judged=found.judged,
                    right=found.right,
                    only_this=found.only_this,
                    only_ensemble=found.only_ensemble,
                    accuracy=round(float(right.mean()), 4),
                    seconds=round(seconds, 1),
                )
            )
    return outcomes


def _whole(trial: Trial, second: bool) -> bool:
    """Whether a trial saw all encoders."""
    return len(trial.encoders) == 1 + second


@dataclass(frozen=True)
class Summary:
    """Means over the draws of a cell.

    Attributes:
        of: method -> accuracy.
        suggested: accuracy of the suggested method.
        best: of the best single method of each draw.
        named: draws in which another than the ensemble was suggested.
        draws, seconds: how many there are, and how long a comparison took.
    """

    set: str
    encoders: int
    labels: int
    of: dict[str, float]
    suggested: float
    best: float
    named: int
    draws: int
    seconds: float


def summaries(outcomes: list[Outcome]) -> Iterator[Summary]:
    """One a cell, in the order of the sets."""
    for (name, encoders, labels), cell in groupby(
        outcomes, lambda each: (each.set, each.encoders, each.labels)
    ):
        suggested, best, named, of, seconds = [], [], 0, [], []
        for _, group in groupby(cell, lambda each: each.draw):
            rows = {each.method: each for each in group}
            other = parted([rows[method].trial for method in METHODS])
            named += other is not None
            suggested.append(rows[other.method if other else ENSEMBLE].accuracy)
            best.append(max(rows[method].accuracy for method in QUICK))
            of.append([rows[method].accuracy for method in METHODS])
            seconds.append(rows[ENSEMBLE].seconds)
        means = dict(zip(METHODS, np.mean(of, axis=0).tolist(), strict=True))
        yield Summary(
            name,
            encoders,
            labels,
            means,
            float(np.mean(suggested)),
            float(np.mean(best)),
            named,
            len(of),
            float(np.mean(seconds)),
        )


def table(found: list[Summary]) -> str:
    """A line a cell."""
    names = ["probe", "prototypes", "propagation", "neighbours"]
    lines = [
        f"| set | encoders | labels | {' | '.join(names)} | best in hindsight "
        "| ensemble | suggested | another named | seconds |",
        "|---|---|" + "---|" * (len(names) + 6),
    ]
    for each in found:
        single = " | ".join(f"{each.of[method]:.3f}" for method in QUICK)
        lines.append(
            f"| {each.set} | {each.encoders} | {each.labels} | {single} | {each.best:.3f} "
            f"| {each.of[ENSEMBLE]:.3f} | {each.suggested:.3f} | {each.named} of {each.draws} "
            f"| {each.seconds:.1f} |"
        )
    return "\n".join(lines)


def verdicts(found: list[Summary]) -> list[str]:
    """The bars, and whether each is met."""
    of_best = min(found, key=lambda each: each.suggested / each.best)
    of_probe = min(found, key=lambda each: each.suggested - each.of[PROBE])
    gain = np.mean([each.suggested - each.of[BEFORE] for each in found])
    one = {(each.set, each.labels): each.suggested for each in found if each.encoders == 1}
    beside = [
        each.suggested - one[each.set, each.labels]
        for each in found
        if each.encoders > 1 and (each.set, each.labels) in one
    ]
    return [
        f"least of the best in hindsight: {of_best.suggested / of_best.best:.3f} "
        f"({of_best.set}, {of_best.labels} labels; bar {OF_BEST})",
        f"least above the probe: {of_probe.suggested - of_probe.of[PROBE]:+.4f} "
        f"({of_probe.set}, {of_probe.labels} labels; bar {-OF_PROBE})",
        f"above the prototypes on average: {gain:+.4f} (bar {OF_BEFORE:+})",
        f"with a second encoder: {np.mean(beside or [0]):+.4f} (bar {OF_ONE:+})",
    ]


def _key(each: Outcome) -> tuple[str, bool, int, int, str]:
    return each.set, each.encoders > 1, each.labels, each.draw, each.method


def main() -> None:
    """Make the draws that are missing and print the table."""
    options = finished_runs.arguments(
        __doc__.splitlines()[0], KEPT, SETS, repeats="draws", times=DRAWS
    )
    found = {_key(each): each for each in finished_runs.read(KEPT, Outcome)}
    draws = [
        (name, second, labels, draw)
        for name in options.sets
        for second in (False, True)[: 1 + (name in WITH_SECOND)]
        for labels in LABELS
        for draw in range(options.draws)
    ]
    done = {cell for cell in draws if (*cell, ENSEMBLE) in found}
    imported: dict[str, Imported] = {}
    for name, second, labels, draw in finished_runs.waiting(draws, done, options.minutes):
        if name not in imported:
            imported[name] = methods_data.load(SETS[name], options.data, options.cache, print)
        made = run_draw(name, labels, draw, imported[name], second)
        finished_runs.keep(KEPT, made)
        found |= {_key(each): each for each in made}
        print(name, 1 + second, labels, draw, [each.accuracy for each in made], flush=True)
    order = [(*cell, method) for cell in draws for method in METHODS]
    cells = list(summaries([found[key] for key in order if key in found]))
    print("\n".join([table(cells), "", *verdicts(cells)]))


if __name__ == "__main__":
    main()
