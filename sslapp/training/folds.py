"""Tasks that lack some of their labels, so that a fit can be asked about images it never saw.

The images that a fold asks about become pool images of its task: pool images are what confidence
is wanted for, and a transductive method sees those too. Only what experts labelled is asked about,
for an accepted pseudo-label is the opinion of a round; and a patient's images stay together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sslapp.training.task import Indices, Task
from sslapp.vocabulary import Source

FOLDS = 5
ONE_OUT_BELOW = 25
"""Labels below which a quick method's fits leave out one image, or group, each."""

MOST_NUMBERS = 1_000_000
"""Images times features up to which such a fit takes less than a second."""

THIRDS = 3
"""Parts of the labels where a fit takes minutes: a further training goes without one of them."""


@dataclass(frozen=True, eq=False)
class Fold:
    """Some labelled images, and the task without them.

    Attributes:
        rows: (n,) int64 rows to ask about, ascending.
        labels: (n,) int64 what they are.
        task: the task without the labels of `rows` and of whatever belongs to their groups.
    """

    rows: Indices
    labels: Indices
    task: Task


def cross_folds(task: Task, seed: int, *, quick: bool) -> list[Fold]:
    """Folds that ask about every expert's label once.

    Also about a label that is the only one of its class, of which the fit then knows nothing: to
    leave it out would leave out what the round knows least about, and make it look too good.

    Args:
        seed: of the order in which images are dealt.
        quick: whether the method's fits take less than a second on a small set.

    Returns:
        At most 5, or one an image or group below 25 labels if fits are quick; [] where no label
        could be left out.
    """
    asked = experts(task)
    units = _units(task, asked, seed)
    one_out = quick and len(asked) < ONE_OUT_BELOW and _numbers(task) <= MOST_NUMBERS
    return _dealt(task, units, len(units) if one_out else FOLDS)


def thirds(task: Task, seed: int) -> list[Fold]:
    """Three folds that ask about every expert's label once, as `cross_folds`; [] where that is."""
    return _dealt(task, _units(task, experts(task), seed), THIRDS)


def held_out_third(task: Task, seed: int) -> Fold | None:
    """A fold that asks about a third of the experts' labels; None where none could be left out.

    Not about those of a class that the other two thirds have no label of: one of them among so few
    would decide all.
    """
    units = _units(task, experts(task), seed)
    apart = units[::THIRDS]
    if not apart:
        return None
    fold = without(task, np.concatenate(apart))
    known = np.isin(fold.labels, task.labels[fold.task.labelled])
    return replace(fold, rows=fold.rows[known], labels=fold.labels[known]) if known.any() else None


def without(task: Task, rows: Indices) -> Fold:
    """The fold that asks about some of the experts' labels.

    Labelled images of their groups that are not asked about, and those that no class fits, are left
    out of its task altogether.
    """
    gone, none = np.isin(task.labelled, rows), task.none_of_these
    if task.groups is not None:
        gone |= np.isin(task.groups[task.labelled], task.groups[rows])
        none = none[~np.isin(task.groups[none], task.groups[rows])]
    kept, asked = task.labelled[~gone], np.sort(rows)
    labels, source = task.labels.copy(), task.source.copy()
    labels[task.labelled[gone]] = -1
    source[task.labelled[gone]] = Source.NONE
    pool = np.sort(np.concatenate([task.pool, asked]))
    lacking = replace(
        task, labels=labels, source=source, labelled=kept, pool=pool, none_of_these=none
    )
    return Fold(asked, task.labels[asked], lacking)


def experts(task: Task) -> Indices:
    """(n,) int64 rows to train on whose label a reader gave."""
    by_reader = np.isin(task.source[task.labelled], (Source.EXPERT, Source.ADJUDICATED))
    return task.labelled[by_reader]


def _dealt(task: Task, units: Sequence[Indices], count: int) -> list[Fold]:
    """So many folds, or one a unit if these are fewer; without those that leave no label."""
    count = min(count, len(units))
    dealt = [np.concatenate(units[each::count]) for each in range(count)]
    return [fold for rows in dealt if len((fold := without(task, rows)).task.labelled)]


def _numbers(task: Task) -> int:
    """Of the features that a fit looks at."""
    encoders = [] if task.features is None else [task.features, *task.features.beside]
    width = sum(each.shape[1] for each in encoders)
    return (len(task.labelled) + len(task.pool)) * width


def _units(task: Task, rows: Indices, seed: int) -> Sequence[Indices]:
    """Rows that stay together, ordered so that every k-th of them has its share of each class."""
    rows = np.sort(rows)
    names = rows if task.groups is None else task.groups[rows]
    _, first, belongs, sizes = np.unique(
        names, return_index=True, return_inverse=True, return_counts=True
    )
    # not the order of the rows, which is that of the images: their position decides nothing
    shuffled = np.random.default_rng([seed, len(rows)]).permutation(len(first))
    ordered = shuffled[np.argsort(task.labels[rows[first[shuffled]]], kind="stable")]
    units = np.split(rows[np.argsort(belongs, kind="stable")], np.cumsum(sizes)[:-1])
    return [units[each] for each in ordered]
