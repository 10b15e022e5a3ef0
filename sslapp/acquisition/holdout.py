"""The holdout's share of the picks, and how its images are drawn.

Only images drawn at random and judged without a prediction can say how good a round is. So every
5th pick goes to the holdout until it has 50 labels, then every 10th; in a small project the holdout
has one image in five at most, or one in two when a reader asks for it alone.

Groups are never torn apart: an image is drawn uniformly among the candidates of whose group no
image is trained on, and from then on the group's other images are no training picks
(`Situation.trainable`). What is measured is therefore the accuracy on new groups. Once all groups
are trained on, nothing can be drawn and the pick goes to the strategy instead.
"""

from sslapp.acquisition.state import Pick, Situation
from sslapp.training.calibration.sources import LEAST_HOLDOUT

NAME = "holdout"
ENOUGH = 50
EVERY_AT_FIRST = 5
EVERY_LATER = 10
ASKED_FOR = 2
"""One image in so many when the holdout alone is asked for."""


def slots(situation: Situation, count: int) -> list[bool]:
    """Say for each of the next `count` picks whether it belongs to the holdout.

    Picks are numbered from 1 over the whole project; the picks of one call are assumed to be
    answered, so a holdout pick counts towards the 50 for those after it. Picks that wait for an
    answer are numbered before them, and those for the holdout among them fill its share first: a
    page that is opened again and again draws no more than one that stays open.
    """
    labels, plan = situation.holdout_labels, []
    first = situation.picks_before + 1
    for number in range(first, first + situation.pending + count):
        mine = number % (EVERY_AT_FIRST if labels < ENOUGH else EVERY_LATER) == 0
        labels += mine
        plan.append(mine)
    owed = sum(plan) - situation.pending_holdout
    for place in range(len(plan) - 1, -1, -1):
        owed -= plan[place]
        if owed < 0:
            plan[place] = False
    return plan[situation.pending :]


def room(situation: Situation, one_in: int = EVERY_AT_FIRST) -> int:
    """How many more images may be drawn until the holdout has one image in `one_in`."""
    return max(situation.readable // one_in - len(situation.holdout), 0)


def _wanted(labels: int) -> int:
    """How many labels it is filled to next: what calibrates a round, then 50."""
    return LEAST_HOLDOUT if labels < LEAST_HOLDOUT else ENOUGH


def target(labels: int, images: int) -> int:
    """How many labels the holdout is to have next: no more than its share of a small project.

    Args:
        labels: that it has.
        images: of the project, for readers.
    """
    return min(_wanted(labels), images // EVERY_AT_FIRST)


def pick(situation: Situation, count: int, seed: int) -> list[Pick]:
    """Draw for the holdout alone, until it has what it is filled to or waits for labels of it."""
    missing = _wanted(situation.holdout_labels)
    missing -= situation.holdout_labels + situation.pending_holdout
    fitting = min(count, max(missing, 0), room(situation, ASKED_FOR))
    return draw(situation, fitting, seed)


def draw(situation: Situation, count: int, seed: int) -> list[Pick]:
    """Draw `count` images for the holdout, or as many as there are, without replacement."""
    rows = situation.drawable
    chosen = situation.generator(seed, NAME).choice(rows, min(count, len(rows)), replace=False)
    reason = "Drawn at random to measure accuracy; it is never trained on."
    return [Pick(int(position), NAME, reason, holdout=True, score=0.0) for position in chosen]
