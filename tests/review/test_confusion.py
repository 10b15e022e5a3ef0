"""Confusion, kappa, and the paired test against scikit-learn and SciPy."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics

from sslapp.review.confusion import cohen_kappa, confusion, paired

CLASSES = 4
pairs = hnp.arrays(np.int16, st.tuples(st.just(2), st.integers(1, 40)), elements=st.integers(0, 3))


@pytest.mark.slow
@given(pairs)
def test_confusion_and_kappa_are_scikit_learns(both) -> None:
    counts = confusion(both[0], both[1], CLASSES)
    labels = np.arange(CLASSES)
    np.testing.assert_array_equal(counts, metrics.confusion_matrix(both[0], both[1], labels=labels))
    found = cohen_kappa(counts)
    if found is None:
        assert len(np.unique(both)) == 1, "only where both always say the same"
    else:
        assert found == pytest.approx(metrics.cohen_kappa_score(*both, labels=labels), abs=1e-12)


def test_kappa_of_nothing_is_none() -> None:
    assert cohen_kappa(confusion(np.zeros(0, int), np.zeros(0, int), 3)) is None


@pytest.mark.slow
@given(hnp.arrays(np.bool_, st.tuples(st.just(2), st.integers(0, 60))))
def test_the_paired_test_is_a_binomial_test_on_what_differs(both) -> None:
    first, second = both
    result = paired(first, second)
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    assert (result.only_first, result.only_second) == (only_first, only_second)
    if only_first + only_second:
        tail = scipy.stats.binom.cdf(min(only_first, only_second), only_first + only_second, 0.5)
        assert result.p_value == pytest.approx(min(1.0, 2 * tail))
    else:
        assert result.p_value == 1
    expected = second.mean() - first.mean() if first.size else 0.0
    assert result.difference == pytest.approx(expected)
