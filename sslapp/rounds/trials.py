"""Ask methods about a reader's own labels, so that one of them can be suggested.

Quick methods, on the features of every encoder, are asked by cross-fitting: about every label
once. One that trains for minutes is asked about a third of the labels, and so is the ensemble it
is held against, after fits on the same other two thirds.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sslapp.jobs.context import Cancelled, JobContext
from sslapp.jobs.worker import JobRefused
from sslapp.methods.challengers import Challenger
from sslapp.methods.head_ensemble.config import CARD as ENSEMBLE
from sslapp.methods.head_ensemble.method import MEMBERS, HeadEnsemble, average
from sslapp.methods.registry import BUILT_IN, CARDS, method_class
from sslapp.review.trial import Trial
from sslapp.rounds.data import TaskPixels
from sslapp.rounds.loading import load_features, load_task, stored_images
from sslapp.rounds.plan import apply_plan, make_plan
from sslapp.training.folds import Fold, cross_folds, held_out_third
from sslapp.training.inputs.joined import JoinedFeatures
from sslapp.training.run import Run, Stopped
from sslapp.training.task import Features, Pixels, Task, check_trainable, features_of
from sslapp.vocabulary import Gear

QUICK = tuple(
    name
    for name, card in BUILT_IN.items()
    if Gear.FEATURES in card.gears and card.options.quick_on_features and card is not ENSEMBLE
)
"""Methods that are always asked, beside the ensemble."""

Say = Callable[[int, int, str], None]


def try_methods(
    task: Task,
    run: Run,
    *,
    others: Sequence[Features] = (),
    also: Sequence[Challenger] = (),
    pixels_at: Callable[[int], Pixels] | None = None,
    say: Say = lambda step, total, what: None,
) -> list[Trial]:
    """Ask every quick method on every encoder and on all at once, and some that take longer.

    Args:
        task: with the features of the encoders that the ensemble averages.
        others: features of further encoders, which are tried beside it.
        also: what trains for minutes.
        pixels_at: gives the images at a size that a challenger asks for.
        say: called as say(step, total, what is asked next).

    Returns:
        The ensemble first; [] where no label could be left out.

    Raises:
        Stopped: when the run was asked to stop.
        ValueError: when the task cannot be trained on, with the mend.
    """
    check_trainable(task)
    features = features_of(task)
    encoders = [features, *features.beside, *others]
    looks = len(encoders) + bool(features.beside)
    steps = looks * len(QUICK) + len(also)
    told = iter(range(steps))
    comparison = _Comparison(
        run,
        encoders,
        task,
        lambda what: say(next(told), steps, what),
    )
    folds = cross_folds(task, run.seed, quick=True)
    if not folds:
        return []
    trials = comparison.quick(folds)
    third = held_out_third(task, run.seed) if also else None
    if third is not None:
        for each in also:
            side = each.options.get("image_size", 0)
            pixels = pixels_at(side) if side and pixels_at else third.task.pixels
            seen = replace(third, task=replace(third.task, pixels=pixels))
            trials.append(comparison.long(each, seen))
    return trials


@dataclass(frozen=True, eq=False)
class _Comparison:
    """What every method of a comparison shares.

    Attributes:
        encoders: the features of each.
        task: with those that the ensemble averages.
        say: called with what is asked next.
    """

    run: Run
    encoders: Sequence[Features]
    task: Task
    say: Callable[[str], None]

    def quick(self, folds: Sequence[Fold]) -> list[Trial]:
        """The ensemble, then each quick method on each encoder, and on all that it averages."""
        asked = [each for features in self.encoders for each in self._on(features, folds)]
        together = []
        if len(self._averaged) > 1:
            joined = JoinedFeatures(features_of(self.task))
            together = list(self._on(joined, folds, self._averaged))
        ensembles = [self._averaged]
        if len(self.encoders) > 1:
            alone = [(each.name,) for each in self.encoders]
            ensembles += [each for each in alone if each not in ensembles]
        averages = [_average(folds, asked, chosen) for chosen in ensembles]
        return [each.against(averages[0], folds) for each in (*averages, *asked, *together)]

    def _on(
        self, features: Features, folds: Sequence[Fold], encoders: tuple[str, ...] = ()
    ) -> Iterator["_Asked"]:
        mine = [replace(each, task=replace(each.task, features=features)) for each in folds]
        within = self.run.within(features.name or "features")
        for name in QUICK:
            self.run.check()
            title = CARDS[name].title
            self.say(f"{title}, {features.name}" if features.name else title)
            started = time.monotonic()
            method = method_class(name)
            logits = method(method.Config()).answer(mine, within.within(name))
            taken = time.monotonic() - started
            yield _Asked(name, Gear.FEATURES, encoders or (features.name,), logits, taken)

    def long(self, challenger: Challenger, third: Fold) -> Trial:
        """A method and the ensemble, both asked about the same third."""
        features = self.encoders[0]
        self.say(challenger.title)
        started = time.monotonic()
        method = method_class(challenger.method)
        logits = method(method.Config(**challenger.options)).answer(
            [third], self.run.within(f"third-{challenger.name}", challenger.gear)
        )
        seen = (features.name,) if challenger.gear is Gear.FEATURES else ()
        taken = time.monotonic() - started
        asked = _Asked(challenger.method, challenger.gear, seen, logits, taken, challenger.config)
        # by a fit to the other two thirds, which finds out from these how much a member counts
        fitted = HeadEnsemble(HeadEnsemble.Config()).fit(third.task, self.run.within("third"))
        said = fitted.logits(features_of(third.task), third.rows)
        ensemble = _Asked(ENSEMBLE.name, Gear.FEATURES, self._averaged, said, 0.0)
        return asked.against(ensemble, [third])

    @property
    def _averaged(self) -> tuple[str, ...]:
        features = features_of(self.task)
        return tuple(each.name for each in (features, *features.beside))


@dataclass(frozen=True, eq=False)
class _Asked:
    """What one method said of n labels: (n, C) logits."""

    method: str
    gear: Gear
    encoders: tuple[str, ...]
    logits: Tensor
    seconds: float
    config: Mapping[str, object] = field(default_factory=dict)

    def against(self, ensemble: "_Asked", folds: Sequence[Fold]) -> Trial:
        """Held against the ensemble's answers about the same labels, those of the folds."""
        mine, its = _right(folds, self.logits), _right(folds, ensemble.logits)
        ahead = _by_group(folds, mine.astype(np.int64) - its)
        return Trial(
            method=self.method,
            gear=self.gear,
            encoders=self.encoders,
            judged=len(mine),
            right=int(mine.sum()),
            only_this=int((mine & ~its).sum()),
            only_ensemble=int((its & ~mine).sum()),
            groups_this=int((ahead > 0).sum()),
            groups_ensemble=int((ahead < 0).sum()),
            seconds=round(self.seconds, 2),
            config=self.config,
        )


def _average(folds: Sequence[Fold], asked: Sequence[_Asked], encoders: tuple[str, ...]) -> _Asked:
    """The ensemble of the members on some encoders."""
    of_members = {kind.name for kind in MEMBERS.values()}
    members = [each for each in asked if each.method in of_members and each.encoders[0] in encoders]
    logits = average(folds, [each.logits for each in members])
    taken = sum(each.seconds for each in members)
    return _Asked(ENSEMBLE.name, Gear.FEATURES, encoders, logits, taken)


def _right(folds: Sequence[Fold], logits: Tensor) -> NDArray[np.bool_]:
    labels = np.concatenate([each.labels for each in folds])
    return np.asarray(logits.argmax(dim=1).numpy() == labels)


def _by_group(folds: Sequence[Fold], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """(g,) sums over the groups of the folds' rows; the values themselves without groups."""
    groups = folds[0].task.groups
    if groups is None:
        return values
    rows = np.concatenate([each.rows for each in folds])
    _, which = np.unique(groups[rows], return_inverse=True)
    return np.bincount(which, weights=values).astype(np.int64)


def run_trials(context: JobContext) -> None:
    """Handle a job of kind `trial`.

    Its params: {"snapshot_id", "embedding_ids" (of what the ensemble averages), "other_ids",
    "also" (rows of Challenger), "seed"}.

    Raises:
        JobRefused: when the labels cannot be trained on.
        Cancelled: when a reader cancelled it.
    """
    params = context.claim.params
    device, dtype = apply_plan(make_plan(context.threads))
    task = load_task(
        context.workspace,
        context.engine,
        context.claim.project_id,
        params["snapshot_id"],
        embedding_ids=params["embedding_ids"],
    )
    run = Run(
        gear=Gear.FEATURES,
        device=device,
        seed=params["seed"],
        folder=context.folder / "stages",
        earlier=tuple(folder / "stages" for folder in context.earlier),
        should_stop=context.should_stop,
        dtype=dtype,
        weights=context.workspace.weights,
    )
    others = load_features(
        context.workspace,
        context.engine,
        context.claim.project_id,
        params["other_ids"],
        len(task.labels),
    )

    def pixels_at(side: int) -> TaskPixels:
        store = stored_images(
            context.workspace,
            context.engine,
            context.claim.project_id,
            image_size=side,
            report=lambda done, total: context.progress(done, total, "reading images"),
        )
        return TaskPixels(store).first(len(task.labels))

    try:
        trials = try_methods(
            task,
            run,
            others=others,
            also=[Challenger.of_row(each) for each in params["also"]],
            pixels_at=pixels_at,
            say=context.progress,
        )
    except Stopped:
        raise Cancelled from None
    except ValueError as error:
        raise JobRefused(str(error)) from None
    with context.finishing({"trials": [each.row() for each in trials]}):
        pass
