"""What a training says of the holdout: the names of the figures and what each is worth.

Pages read the names here; nothing in this file needs torch.
"""

import statistics
from collections.abc import Mapping, Sequence

ACCURACY = "holdout accuracy"
STUDENT = "student holdout accuracy"
EVALUATED = "holdout images evaluated"
BEST, MEDIAN = "best", "median"
RIGHT, JUDGED = "pseudo-labels right", "pseudo-labels judged"
"""The share of confident pseudo-labels that are right, of the labelled images that are part of the
unlabelled set, and how many of these there were a step."""

LAST = 20
"""Evaluations that the median is taken over, as FixMatch's authors report it."""

EVALUATIONS = 40
"""Evaluations of a run, or somewhat more: the median of the last 20 then covers at most its second
half, where the averaged weights have long left their start behind. Shorter runs are evaluated at
every step and have fewer."""

SHARE = 0.05
"""Largest share of a run's computing that evaluations may take, counted in images through the
network: a large holdout is then looked at by a random part of it, the same one every time."""

FEWEST = 50
"""Images that are evaluated even where they take more than the share: fewer say nothing."""

WORTH = (
    "The published weights are the last averaged ones. The best was chosen by looking at the "
    "holdout, so it is optimistic; the median is not."
)


def rows_allowed(images_a_step: int, steps: int, evaluations: int) -> int:
    """Holdout images that evaluations may look at.

    A training step costs three passes an image, the way back being two, and an evaluation looks at
    every image twice: with the student and with the averaged weights.
    """
    passes = 3 * images_a_step * steps
    return max(FEWEST, int(SHARE * passes / (2 * max(evaluations, 1))))


def summary(name: str, course: Sequence[float]) -> dict[str, float]:
    """The best of a course of accuracies and the median of its last 20, by name; {} for none."""
    if not course:
        return {}
    return {
        f"{BEST} {name}": max(course),
        f"{MEDIAN} {name}": statistics.median(course[-LAST:]),
    }


def judged(metrics: Mapping[str, float]) -> dict[str, float]:
    """Reported means with the number of right pseudo-labels a step as their share; without it where
    none was judged."""
    if not metrics.get(JUDGED):
        return {name: value for name, value in metrics.items() if name != RIGHT}
    return {**metrics, RIGHT: metrics[RIGHT] / metrics[JUDGED]}


def names() -> frozenset[str]:
    """Everything that is reported about the holdout."""
    both = [f"{kind} {name}" for kind in (BEST, MEDIAN) for name in (ACCURACY, STUDENT)]
    return frozenset({ACCURACY, STUDENT, EVALUATED, *both})


def sentences(latest: Mapping[str, float]) -> list[str]:
    """Sentences on the last reported figures; one that says so for an empty holdout.

    Args:
        latest: name -> its newest value; {} for a round that reported nothing of the holdout.
    """
    if latest.get(EVALUATED) == 0:
        return ["unknown: the holdout is empty."]
    lines = []
    for who, name in (("averaged weights", ACCURACY), ("student", STUDENT)):
        kinds = {f"{BEST} {name}": "best", f"{MEDIAN} {name}": f"median of the last {LAST}"}
        parts = [f"{word} {_percent(latest[key])}" for key, word in kinds.items() if key in latest]
        if parts:
            lines.append(f"{who}: {', '.join([f'last {_percent(latest[name])}', *parts])}.")
    if lines:
        lines.append(f"On {latest[EVALUATED]:,.0f} images. {WORTH}")
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
