"""What the Train page says of one round's holdout."""

from sslapp.rounds import PASSED_OVER
from sslapp.training.loop import figures
from sslapp.ui.train.detail import facts
from sslapp.usecases.training.history import detail


def test_a_finished_rounds_evaluations_are_shown_with_what_they_are_worth(reviewed) -> None:
    found = detail(reviewed, 1, 1)
    said = dict(facts(found))["Holdout accuracy"]
    curve = [value for _, value in found.curves[figures.ACCURACY]]
    assert f"averaged weights: last {100 * curve[-1]:.1f} %, best {100 * max(curve):.1f} %" in said
    assert "student: last" in said and "median of the last 20" in said
    assert f"On {found.counts['validation']} images." in said
    assert "optimistic" in said


def test_a_round_without_a_holdout_says_so(reviewed) -> None:
    found = detail(reviewed, 1, 1)
    for name in figures.names() & found.curves.keys():
        del found.curves[name]
    assert "Holdout accuracy" not in dict(facts(found)), "the method evaluates nothing as it goes"
    found.curves[figures.EVALUATED] = [(12, 0.0)]
    assert dict(facts(found))["Holdout accuracy"] == "unknown: the holdout is empty."


def test_damaged_files_that_a_round_did_without_are_told(reviewed) -> None:
    found = detail(reviewed, 1, 1)
    assert "Damaged files" not in dict(facts(found))
    found.plan[PASSED_OVER] = ["attempt-1/stages/train/a was passed over as damaged: it is cut."]
    told = dict(facts(found))
    assert told["Damaged files"].startswith("attempt-1/stages/train/a was passed over")
    assert "passed over" not in told["Ran with"]
