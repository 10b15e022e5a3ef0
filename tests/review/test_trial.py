"""When a method parts from the ensemble: intervals worked by hand."""

from dataclasses import replace

import pytest

from sslapp.review.trial import ALPHA, Trial, parted, widened
from sslapp.vocabulary import Gear


def trial(
    method="prototypes", gear="features", *, judged=40, right=30, only_this=0, only_ensemble=0
):
    encoders = ("pixels",) if gear == "features" else ()
    return Trial(
        method=method,
        gear=Gear(gear),
        encoders=encoders,
        judged=judged,
        right=right,
        only_this=only_this,
        only_ensemble=only_ensemble,
        groups_this=only_this,
        groups_ensemble=only_ensemble,
        seconds=1.5,
    )


ENSEMBLE = trial("head-ensemble")


def test_the_interval_is_that_of_the_labels_on_which_they_differ() -> None:
    # 6 of 6: the lower end of Clopper-Pearson is .025 ** (1 / 6) = .540742; of 40 labels that is
    # 6 / 40 (2 * .540742 - 1) = .012223, and the upper end 6 / 40
    low, high = trial(only_this=6).interval()
    assert (low, high) == pytest.approx((0.012223, 0.15), abs=1e-6)
    assert trial(only_this=6).difference == 0.15
    low, high = trial(only_ensemble=6).interval()
    assert (low, high) == pytest.approx((-0.15, -0.012223), abs=1e-6)
    assert trial().interval() == (0, 0), "they never differ"
    assert trial(judged=0, right=0).interval() == (-1, 1)


def test_with_one_other_method_six_of_six_part_it_and_with_two_they_do_not() -> None:
    better = trial(only_this=6)
    assert widened([ENSEMBLE, better]) == ALPHA
    assert parted([ENSEMBLE, better]) is better
    # alpha .025: .0125 ** (1 / 6) = .4817, below one half
    assert parted([ENSEMBLE, better, trial("supervised", only_ensemble=4)]) is None


def test_of_several_the_best_is_named_and_never_a_worse_one() -> None:
    good, best = trial(only_this=12), trial("label-propagation", only_this=20, only_ensemble=1)
    worse = trial("supervised", only_ensemble=30)
    assert parted([ENSEMBLE, good, worse, best]) is best
    assert parted([ENSEMBLE, worse]) is None
    assert parted([ENSEMBLE]) is None


def test_what_one_patient_says_eight_times_parts_nothing() -> None:
    often = replace(trial(only_this=8), groups_this=1)
    assert often.difference == 0.2
    low, high = often.interval()
    # 1 of 1: (.025, 1) of the 8 / 40 on which they differ
    assert (low, high) == pytest.approx((0.2 * (2 * 0.025 - 1), 0.2), abs=1e-6)
    assert parted([ENSEMBLE, often]) is None


def test_the_gear_that_is_asked_for_narrows_what_is_named_and_not_the_intervals() -> None:
    tried = [ENSEMBLE, trial(only_this=6), *[trial("fixmatch", "pixels")] * 3]
    assert parted(tried, Gear.FEATURES) is None, "widened for all four, .00625 ** (1 / 6) < .5"
    assert parted([*tried[:1], trial(only_this=12), *tried[2:]], Gear.PIXELS) is None


def test_a_trial_survives_json() -> None:
    for each in (trial(only_this=3), trial("fixmatch", gear="pixels")):
        assert Trial.of_row(each.row()) == each
