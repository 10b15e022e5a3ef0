from fractions import Fraction
from itertools import combinations
from math import comb

import pytest
import scipy.stats
from hypothesis import example, given
from hypothesis import strategies as st

from sslapp.review.bounds import (
    clopper_pearson,
    clopper_pearson_lower,
    hypergeometric,
    hypergeometric_lower,
)

ALPHAS = st.sampled_from([0.01, 0.05, 0.1, 0.2])


@pytest.mark.slow
@given(st.integers(1, 400), st.integers(0, 400), ALPHAS)
def test_clopper_pearson_equals_the_exact_binomial_test_of_scipy(judged, correct, alpha):
    correct = min(correct, judged)
    test = scipy.stats.binomtest(correct, judged)
    both = test.proportion_ci(1 - alpha, method="exact")
    assert clopper_pearson(correct, judged, alpha) == pytest.approx((both.low, both.high), abs=1e-9)
    one_sided = scipy.stats.binomtest(correct, judged, alternative="greater")
    lower = one_sided.proportion_ci(1 - alpha, method="exact").low
    assert clopper_pearson_lower(correct, judged, alpha) == pytest.approx(lower, abs=1e-9)


def test_nothing_judged_says_nothing():
    assert clopper_pearson(0, 0) == (0, 1)
    assert clopper_pearson_lower(0, 0) == 0
    assert hypergeometric_lower(0, 0, 500) == 0
    assert hypergeometric(0, 0, 500) == (0, 500)


def test_all_of_fifty_nine_correct_prove_ninety_five_percent():
    """The rule of .95^59 < .05 <= .95^58."""
    assert clopper_pearson_lower(59, 59) >= 0.95
    assert clopper_pearson_lower(58, 58) < 0.95


def at_least(correct, judged, population, good):
    """Exact probability that a draw without replacement shows `correct` or more good ones."""
    ways = sum(
        comb(good, shown) * comb(population - good, judged - shown)
        for shown in range(correct, min(good, judged) + 1)
    )
    return Fraction(ways, comb(population, judged))


@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 30), ALPHAS)
# 13 good ones show this with a probability of exactly 1/5
@example(population=15, judged=8, correct=8, alpha=0.2)
def test_hypergeometric_bound_equals_the_one_found_by_trying_every_number(
    population, judged, correct, alpha
):
    judged = min(judged, population)
    correct = min(correct, judged)
    possible = range(correct, population - (judged - correct) + 1)
    least = Fraction(alpha) * (1 - Fraction(1, 10**9))
    expected = next(
        good for good in possible if at_least(correct, judged, population, good) > least
    )
    assert hypergeometric_lower(correct, judged, population, alpha) == expected


@pytest.mark.parametrize("good", range(9))
def test_the_bound_errs_in_at_most_alpha_of_all_samples(good):
    """Every sample of 4 out of 8 images, of which `good` are correct."""
    alpha = 0.1
    samples = list(combinations([True] * good + [False] * (8 - good), 4))
    wrong_lower = wrong_both = 0
    for sample in samples:
        shown = sum(sample)
        wrong_lower += hypergeometric_lower(shown, 4, 8, alpha) > good
        low, high = hypergeometric(shown, 4, 8, alpha)
        wrong_both += not low <= good <= high
    assert wrong_lower <= alpha * len(samples)
    assert wrong_both <= alpha * len(samples)


def test_judging_everything_leaves_no_doubt():
    assert hypergeometric_lower(37, 40, 40) == 37
    assert hypergeometric(37, 40, 40) == (37, 37)


def test_a_finite_population_is_bounded_more_tightly_than_an_endless_one():
    finite = hypergeometric_lower(95, 100, 400) / 400
    assert finite > clopper_pearson_lower(95, 100)
    huge = hypergeometric_lower(95, 100, 10**7) / 10**7
    assert huge == pytest.approx(clopper_pearson_lower(95, 100), abs=1e-4)


@pytest.mark.parametrize(
    ("correct", "judged", "alpha"), [(-1, 3, 0.05), (4, 3, 0.05), (1, 3, 0.0), (1, 3, 1.0)]
)
def test_impossible_counts_and_errors_are_refused(correct, judged, alpha):
    with pytest.raises(ValueError, match=r"^(correct|alpha):"):
        clopper_pearson(correct, judged, alpha)
    with pytest.raises(ValueError, match=r"^(correct|alpha):"):
        hypergeometric_lower(correct, judged, 10, alpha)


def test_more_judged_than_there_are_is_refused():
    with pytest.raises(ValueError, match="judged: 5 images of a population of 4"):
        hypergeometric_lower(5, 5, 4)
