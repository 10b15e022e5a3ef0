"""Exact bounds on a proportion from a random sample, with nothing approximated.

They hold for a sample drawn uniformly at random, judged without sight of the prediction, and
looked at once, when it is complete. `alpha` is the probability of error, 1 - confidence.
"""

from typing import NamedTuple

TIE = 1e-9


class Interval(NamedTuple):
    """Lower and upper end of a proportion, both included."""

    lower: float
    upper: float


def clopper_pearson(correct: int, judged: int, alpha: float = 0.05) -> Interval:
    """The two-sided interval for a proportion of an endless population.

    Clopper and Pearson, "The Use of Confidence or Fiducial Limits Illustrated in the Case of the
    Binomial", Biometrika 1934. Each side errs with probability at most alpha / 2. With nothing
    judged it is (0, 1).

    Raises:
        ValueError: unless 0 <= correct <= judged and 0 < alpha < 1.
    """
    _check(correct, judged, alpha)
    return Interval(
        clopper_pearson_lower(correct, judged, alpha / 2),
        1.0 - clopper_pearson_lower(judged - correct, judged, alpha / 2),
    )


def clopper_pearson_lower(correct: int, judged: int, alpha: float = 0.05) -> float:
    """The one-sided lower bound: at least this share is correct, with confidence 1 - alpha.

    Raises:
        ValueError: unless 0 <= correct <= judged and 0 < alpha < 1.
    """
    _check(correct, judged, alpha)
    if correct == 0:
        return 0.0
    from scipy import stats  # loading it takes longer than most commands

    return float(stats.beta.ppf(alpha, correct, judged - correct + 1))


def hypergeometric_lower(correct: int, judged: int, population: int, alpha: float = 0.05) -> int:
    """How many of a finite population are correct at least, with confidence 1 - alpha.

    The smallest number K for which drawing `judged` of `population` without replacement shows
    `correct` or more correct ones with a probability of at least alpha; rounding may turn a tie
    either way, so one within 1e-9 of alpha counts as at least. It is never below `correct`,
    and with all judged it is `correct` itself. Divided by `population` it is a proportion.

    Raises:
        ValueError: unless 0 <= correct <= judged <= population and 0 < alpha < 1.
    """
    _check(correct, judged, alpha)
    if judged > population:
        raise ValueError(f"judged: {judged} images of a population of {population}.")
    from scipy import stats

    low, high = correct, population - (judged - correct)
    while low < high:  # the probability rises with K
        middle = (low + high) // 2
        if stats.hypergeom.sf(correct - 1, population, middle, judged) > alpha * (1 - TIE):
            high = middle
        else:
            low = middle + 1
    return low


def hypergeometric(
    correct: int, judged: int, population: int, alpha: float = 0.05
) -> tuple[int, int]:
    """The two-sided interval for how many of a finite population are correct.

    Each side errs with probability at most alpha / 2. With nothing judged it is (0, population).

    Raises:
        ValueError: unless 0 <= correct <= judged <= population and 0 < alpha < 1.
    """
    _check(correct, judged, alpha)
    lower = hypergeometric_lower(correct, judged, population, alpha / 2)
    wrong = hypergeometric_lower(judged - correct, judged, population, alpha / 2)
    return lower, population - wrong


def _check(correct: int, judged: int, alpha: float) -> None:
    if not 0 <= correct <= judged:
        raise ValueError(f"correct: {correct} of {judged} judged images is not possible.")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha: {alpha} is no probability of error between 0 and 1.")
