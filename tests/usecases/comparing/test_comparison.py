"""What the Compare page counts, against scikit-learn and SciPy, and what it must not show."""

import numpy as np
import pytest
import scipy.stats
import small_project
from sklearn import metrics

from sslapp.store import images, label_classes
from sslapp.store.database import reading
from sslapp.store.state import load_state
from sslapp.training.calibration.scaling import Temperature
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.comparing.comparison import (
    SURE,
    Measure,
    read_comparison,
)
from sslapp.usecases.comparing.curves import read_film, training_curves
from sslapp.usecases.comparing.rounds import ComparableRound, comparable_rounds, usual_choice
from sslapp.usecases.labelling import decisions
from sslapp.usecases.projects.classes import retire_class
from sslapp.usecases.projects.status import newest_event
from sslapp.usecases.training.rounds import round_status, start_round, start_side_by_side
from sslapp.vocabulary import JobState

TEST = np.arange(small_project.POOL, small_project.POOL + small_project.TEST)


@pytest.fixture
def pair(open_copy, with_two_rounds):
    """Access to a copy of the project with two rounds on one snapshot."""
    return open_copy(with_two_rounds)


@pytest.fixture
def found(pair):
    return read_comparison(pair, 1, [1, 2])


def predicted(access, number: int) -> np.ndarray:
    return small_project.published(access, number)[0].argmax(axis=1)


def test_accuracy_is_that_of_the_stored_predictions_on_test_split_and_holdout(pair, found) -> None:
    truth = small_project.true_columns(pair)
    for number in (1, 2):
        score = found.of(number).score(Measure.TEST)
        expected = metrics.accuracy_score(truth[TEST], predicted(pair, number)[TEST])
        assert (score.share, score.judged) == (expected, small_project.TEST)
        held = found.of(number).score(Measure.HOLDOUT)
        stored = round_status(pair, None, number)["metrics"]
        assert (held.share, held.judged) == (stored["holdout_accuracy"], stored["holdout"])
    assert found.measures == [Measure.TEST, Measure.HOLDOUT]


def test_the_confusion_matrix_and_its_cells_are_scikit_learns(pair, found) -> None:
    truth = small_project.true_columns(pair)
    for number in (1, 2):
        said = predicted(pair, number)
        counts = found.confusion(number, Measure.TEST)
        expected = metrics.confusion_matrix(truth[TEST], said[TEST], labels=np.arange(10))
        np.testing.assert_array_equal(counts, expected)
        for i, j in np.argwhere(counts).tolist():
            cell = found.cell(number, Measure.TEST, i, j)
            assert sorted(cell) == TEST[(truth[TEST] == i) & (said[TEST] == j)].tolist()
            sure = found.of(number).sure[cell]
            assert np.all(np.diff(sure) >= 0 if i == j else np.diff(sure) <= 0)


def test_agreement_kappa_and_flips_are_those_of_the_predicted_classes(pair, found) -> None:
    from sslapp.review.confusion import cohen_kappa

    one, other = predicted(pair, 1), predicted(pair, 2)
    counts = found.agreement(1, 2)
    np.testing.assert_array_equal(
        counts, metrics.confusion_matrix(one, other, labels=np.arange(10))
    )
    assert cohen_kappa(counts) == pytest.approx(metrics.cohen_kappa_score(one, other), abs=1e-12)
    flips = found.flips(1, 2)
    assert sorted(flips) == np.flatnonzero(one != other).tolist()
    assert len(flips), "nothing to order"
    both_sure = np.minimum(found.of(1).sure[flips], found.of(2).sure[flips])
    assert np.all(np.diff(both_sure) <= 0)
    before, after = one[flips[0]], other[flips[0]]
    expected = np.flatnonzero((one == before) & (other == after))
    assert sorted(found.flips(1, 2, (before, after))) == expected.tolist()


def test_the_paired_test_is_mcnemars_exact_one(pair, found) -> None:
    truth = small_project.true_columns(pair)[TEST]
    one, other = (predicted(pair, number)[TEST] == truth for number in (1, 2))
    result = found.paired(1, 2, Measure.TEST)
    only = int((one & ~other).sum()), int((other & ~one).sum())
    assert (result.only_first, result.only_second, result.judged) == (*only, len(TEST))
    assert result.difference == pytest.approx(other.mean() - one.mean())
    assert result.p_value == scipy.stats.binomtest(only[0], sum(only)).pvalue


def test_confidence_and_coverage_are_those_of_the_pool(pair, found) -> None:
    with reading(pair.engine) as conn:
        pool = load_state(conn, 1).pool
    for number in (1, 2):
        p, temperature = small_project.published(pair, number)
        sure = Temperature(temperature).apply(p[pool]).max(axis=1)
        assert found.of(number).mean_confidence == pytest.approx(sure.mean())
        assert found.of(number).coverage == (sure >= SURE).mean()


def test_the_calibration_error_is_that_of_the_training_room(pair, found) -> None:
    import torch

    from sslapp.training.calibration.temperature import expected_calibration_error

    p, _ = small_project.published(pair)
    truth = small_project.true_columns(pair)
    expected = expected_calibration_error(torch.from_numpy(p[TEST]), torch.from_numpy(truth[TEST]))
    assert found.of(1).calibration(Measure.TEST, raw=True).error == pytest.approx(expected)


def test_an_unlabelled_holdout_image_takes_part_in_nothing(pair) -> None:
    small_project.draw_holdout(pair, 60)
    with reading(pair.engine) as conn:
        labelled = int(load_state(conn, 1).validation[0])
    found = read_comparison(pair, 1, [1, 2])
    rows = found.common(1, 2)
    assert 60 not in rows
    assert labelled in rows
    assert 60 not in found.flips(1, 2)
    assert found.agreement(1, 2).sum() == len(rows) == len(found.open) - 1
    assert all(60 not in each.pool for each in found.rounds)
    assert 60 not in read_film(pair, 1, 1).positions


def test_a_holdout_label_that_was_undone_hides_the_image_again(pair) -> None:
    with reading(pair.engine) as conn:
        held = load_state(conn, 1).validation
    position = int(held[0])
    labels = [e for e in small_project.log(pair) if e.position == position and e.kind == "label"]
    decisions.undo(pair, None, labels[0].number)
    found = read_comparison(pair, 1, [1, 2])
    assert position not in found.of(1).truth[Measure.HOLDOUT][0]
    assert position not in found.common(1, 2)
    assert found.of(1).score(Measure.HOLDOUT).judged == len(held) - 1


def test_true_labels_outside_the_test_split_are_not_used(pair, found) -> None:
    for each in found.rounds:
        assert set(each.truth[Measure.TEST][0].tolist()) == set(TEST.tolist())
    with reading(pair.engine) as conn:
        ids = images.true_labels(conn, 1)
        number_of = {row.id: row.number for row in label_classes.classes(conn, 1, retired=True)}
        held = load_state(conn, 1)
    positions, classes = found.of(1).truth[Measure.HOLDOUT]
    assert positions.tolist() == held.validation.tolist()
    # the digits' labels are their truth, so both agree here; what was labelled is what counts
    assert classes.tolist() == [number_of[each] for each in ids[positions].tolist()]
    decisions.label(pair, None, int(positions[0]), str((classes[0] + 1) % 10))
    start_round(pair, None, method="label-propagation")
    small_project.run_jobs(pair)
    again = read_comparison(pair, 1, [1, 3])
    assert again.of(3).truth[Measure.HOLDOUT][1][0] == (classes[0] + 1) % 10
    assert again.of(1).truth[Measure.HOLDOUT][1][0] == classes[0]


def test_rounds_of_different_snapshots_are_judged_on_what_both_held_out(pair) -> None:
    small_project.draw_holdout(pair, 70)
    decisions.label(pair, None, 70, str(small_project.true_columns(pair)[70]))
    start_round(pair, None, method="label-propagation")
    small_project.run_jobs(pair)
    found = read_comparison(pair, 1, [1, 3])
    before = found.of(1).score(Measure.HOLDOUT).judged
    assert found.of(3).score(Measure.HOLDOUT).judged == before + 1
    assert found.paired(1, 3, Measure.HOLDOUT).judged == before


def test_a_retired_class_keeps_its_number_in_the_comparison(pair) -> None:
    retire_class(pair, None, "3")
    found = read_comparison(pair, 1, [1, 2])
    truth = small_project.true_columns(pair)
    expected = metrics.confusion_matrix(truth[TEST], predicted(pair, 1)[TEST], labels=np.arange(10))
    np.testing.assert_array_equal(found.confusion(1, Measure.TEST), expected)
    start_round(pair, None, method="label-propagation")
    small_project.run_jobs(pair)
    later = read_comparison(pair, 1, [3]).of(3)
    assert 3 not in later.predicted
    assert 3 not in later.truth[Measure.TEST][1], "it cannot give that class"


def finished(number: int, snapshot: str) -> ComparableRound:
    return ComparableRound(
        id=number,
        number=number,
        method="fixmatch",
        gear="pixels",
        seed=0,
        snapshot=snapshot,
        steps=1,
        labelled=1,
        seconds=1,
        calibrated_by="T = 1.00",
        calibrated=False,
        film=False,
    )


@pytest.mark.parametrize(
    ("snapshots", "expected"),
    [
        ("", []),
        ("a", [1]),
        ("ab", [1, 2]),
        ("aab", [1, 2]),
        ("aabb", [3, 4]),
        ("abc", [2, 3]),
        ("aba", [1, 3]),
    ],
)
def test_the_usual_choice_is_the_newest_snapshot_with_two_rounds(snapshots, expected) -> None:
    known = [finished(number + 1, snapshot) for number, snapshot in enumerate(snapshots)]
    assert usual_choice(known) == expected


def test_finished_rounds_tell_what_they_share_and_cost(pair) -> None:
    start_round(pair, None, method="label-propagation")
    one, other = comparable_rounds(pair, 1)
    assert (one.number, one.method, one.gear, one.steps) == (1, "supervised", "pixels", 60)
    assert (other.number, other.steps, other.film) == (2, None, False)
    assert one.snapshot == other.snapshot
    assert one.film and one.seconds > 0


def test_a_round_that_has_not_finished_cannot_be_compared(pair) -> None:
    start_round(pair, None, method="label-propagation")
    with pytest.raises(ValueError, match="Round 3 has not finished"):
        read_comparison(pair, 1, [1, 3])


def test_only_members_see_a_comparison(pair) -> None:
    eve = enter(pair.workspace, "Eve")
    for ask in (
        lambda: comparable_rounds(eve, 1),
        lambda: read_comparison(eve, 1, [1]),
        lambda: newest_event(eve, 1),
        lambda: training_curves(eve, 1, [1]),
        lambda: read_film(eve, 1, 1),
        lambda: start_side_by_side(eve, 1, ["supervised"]),
    ):
        with pytest.raises(NotAllowed):
            ask()
    eve.engine.dispose()


def test_a_film_belongs_to_its_round(pair) -> None:
    film = read_film(pair, 1, 1)
    assert film.xy.shape == (len(film.steps), len(film.positions), 2)
    assert (film.steps[0], film.steps[-1]) == (1, 60)
    assert read_film(pair, 1, 2) is None
    assert read_film(pair, 1, 9) is None


def test_reports_are_the_curves_of_the_rounds_asked_for(pair) -> None:
    start_round(pair, None, method="label-propagation")
    one, waiting = training_curves(pair, 1, [1, 3])
    steps, losses = zip(*one.curves["loss"], strict=True)
    assert (steps[-1], len(losses)) == (60, len(steps))
    assert one.state == JobState.DONE
    assert one.pace * 60 == pytest.approx(round_status(pair, None, 1)["metrics"]["seconds"])
    assert (waiting.number, waiting.curves, waiting.state) == (3, {}, JobState.QUEUED)


def test_methods_side_by_side_share_a_snapshot_and_a_seed(pair) -> None:
    numbers = start_side_by_side(pair, None, ["supervised", "label-propagation"], seed=5)
    rows = [round_status(pair, None, number) for number in numbers]
    assert [row["method"] for row in rows] == ["supervised", "label-propagation"]
    assert {row["seed"] for row in rows} == {5}
    assert len({row["snapshot_id"] for row in rows}) == 1


def test_side_by_side_starts_all_methods_or_none(pair) -> None:
    with pytest.raises(ValueError, match="no method"):
        start_side_by_side(pair, None, ["supervised", "alchemy"])
    assert round_status(pair, None)["number"] == 2
