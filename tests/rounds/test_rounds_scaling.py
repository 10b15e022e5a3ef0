"""A round that was calibrated by another map than a temperature, everywhere where it is read."""

import numpy as np
import pytest
import small_project

from sslapp.review.confidence import scaling_of
from sslapp.rounds.coverage import read_coverages
from sslapp.rounds.predictions import likeliest, predictions_of
from sslapp.store import rounds
from sslapp.store.database import reading, writing
from sslapp.store.rounds import FinishedRound
from sslapp.store.state import load_state
from sslapp.training.calibration.scaling import Isotonic, Temperature, Vector
from sslapp.ui.train.detail import facts
from sslapp.usecases.comparing.comparison import read_comparison
from sslapp.usecases.exporting.table import first_rows
from sslapp.usecases.labelling import verdicts
from sslapp.usecases.reporting.page import render
from sslapp.usecases.reporting.report import gather
from sslapp.usecases.reviewing.board import read_board
from sslapp.usecases.reviewing.candidates import propose
from sslapp.usecases.reviewing.inspection import inspect, tiles
from sslapp.usecases.training.history import detail
from sslapp.usecases.training.known import read_known
from sslapp.usecases.training.rounds import start_round
from sslapp.usecases.training.trust import rests_on
from sslapp.vocabulary import CalibratedOn, Source

BIAS = (0.0, 2.0, 0.0, -1.0, *[0.0] * 6)
VECTOR = Vector(1.4, (0.8,) * 5 + (0.6,) * 5, BIAS)
ISOTONIC = Isotonic(1.4, (0.3, 0.9), (0.5, 0.93))


def scaled(access, scaling) -> FinishedRound:
    """The newest round, published with another map."""
    with writing(access.engine, 1) as conn:
        found = rounds.finished_round(conn, 1)
        metrics = {**found.metrics, "scaling": scaling.stored()}
        values = {"metrics": metrics, "temperature": scaling.temperature}
        rounds.change_round(conn, found.id, values)
        return rounds.finished_round(conn, 1)


@pytest.mark.parametrize("scaling", [VECTOR, ISOTONIC], ids=["vector", "isotonic"])
def test_every_reader_of_a_round_goes_through_its_map(reviewed, scaling) -> None:
    found = scaled(reviewed, scaling)
    assert scaling_of(found) == scaling
    raw = np.asarray(found.read_probabilities(reviewed.workspace))
    smooth = scaling.apply(raw)
    with reading(reviewed.engine) as conn:
        state = load_state(conn, 1)
    predictions = predictions_of(reviewed.workspace, found, state)
    np.testing.assert_array_equal(predictions.calibrated, smooth)
    proposed = propose(reviewed, None, threshold=0.0).candidates
    assert proposed.columns.tolist() == smooth[proposed.positions].argmax(axis=1).tolist()
    assert proposed.confidence == pytest.approx(smooth[proposed.positions].max(axis=1), abs=1e-6)
    board = read_board(reviewed, 1)
    assert board.proposals.positions.tolist() == proposed.positions.tolist()
    named = likeliest(reviewed.workspace, found, slice(0, len(raw)))
    assert named.tolist() == np.array(found.class_ids)[smooth.argmax(axis=1)].tolist()
    position = int(proposed.positions[-1])
    lines = inspect(reviewed, None, 1, position).lines
    shown = {each.class_id: each.calibrated for each in lines}
    expected = smooth[position].tolist()
    assert [shown[each] for each in found.class_ids] == pytest.approx(expected, abs=1e-6)


def test_another_map_than_the_temperature_changes_what_is_proposed(reviewed) -> None:
    before = propose(reviewed, None, threshold=0.0).candidates
    scaled(reviewed, VECTOR)
    after = propose(reviewed, None, threshold=0.0).candidates
    column_of = dict(zip(before.positions.tolist(), before.columns.tolist(), strict=True))
    moved = [
        column_of[p] != c for p, c in zip(after.positions.tolist(), after.columns, strict=True)
    ]
    assert any(moved)


def test_a_flip_is_between_the_classes_that_the_two_rounds_propose(reviewed) -> None:
    start_round(reviewed, None, method="label-propagation")
    small_project.run_jobs(reviewed)
    found = scaled(reviewed, VECTOR)
    raw = np.asarray(found.read_probabilities(reviewed.workspace))
    first, _ = small_project.published(reviewed, 1)
    pool = np.arange(small_project.LABELLED, small_project.POOL)
    proposed = VECTOR.columns(raw)[pool]
    assert (proposed != raw[pool].argmax(axis=1)).any()
    marked = [each.flipped for each in tiles(reviewed, 1, found.number, pool)]
    assert marked == (first[pool].argmax(axis=1) != proposed).tolist()


def test_what_is_known_counts_what_the_method_said_before_it_was_calibrated(reviewed) -> None:
    plain = read_known(reviewed, 1, 1)
    scaled(reviewed, VECTOR)
    known = read_known(reviewed, 1, 1)
    assert known.predicted.tolist() == plain.predicted.tolist()
    assert not np.allclose(known.sure, plain.sure)
    assert ", vector scaling" in known.rests_on


@pytest.mark.parametrize("scaling", [VECTOR, ISOTONIC], ids=["vector", "isotonic"])
def test_conformal_sets_are_of_what_the_method_said_before_it_was_calibrated(
    reviewed, scaling
) -> None:
    def sets():
        with reading(reviewed.engine) as conn:
            found, state = rounds.finished_round(conn, 1), load_state(conn, 1)
        in_use = np.ones(len(found.class_ids), dtype=bool)
        (coverage,) = read_coverages(reviewed.workspace, found, in_use, [0.5])
        predictions = predictions_of(reviewed.workspace, found, state)
        proposed = propose(reviewed, None, threshold=0.0).candidates
        alone = predictions.alone(proposed, coverage)
        rows = zip(proposed.positions[alone].tolist(), proposed.columns[alone], strict=True)
        return coverage.quantiles.tolist(), dict(rows)

    before, alone = sets()
    scaled(reviewed, scaling)
    after, still = sets()
    assert after == before
    assert alone
    # vector scaling proposes another class for some, which is then not the one in the set
    assert still.items() <= alone.items()
    assert still == alone or scaling is VECTOR


def test_the_report_judges_what_the_method_said_before_it_was_calibrated(reviewed) -> None:
    def judged():
        with reading(reviewed.engine) as conn:
            return gather(conn, reviewed.workspace, 1).judged, load_state(conn, 1).validation

    plain, rows = judged()
    swayed = Vector(1.4, (0.8,) * 10, (9.0, *[0.0] * 9))
    found = scaled(reviewed, swayed)
    raw = np.asarray(found.read_probabilities(reviewed.workspace)[rows])
    said, smooth = raw.argmax(axis=1), swayed.apply(raw)
    assert (smooth.argmax(axis=1) != said).any()
    after, _ = judged()
    assert after.confusion.tolist() == plain.confusion.tolist()
    assert after.raw.right.tolist() == plain.raw.right.tolist()
    assert after.calibrated.right.sum() == plain.confusion.trace()
    own = smooth[np.arange(len(rows)), said]
    assert after.calibrated.confidence.sum() == pytest.approx(own.sum(), abs=1e-6)


def test_compared_and_exported_confidences_are_the_maps(reviewed) -> None:
    found = scaled(reviewed, ISOTONIC)
    smooth = ISOTONIC.apply(np.asarray(found.read_probabilities(reviewed.workspace)))
    (only,) = read_comparison(reviewed, 1, [1]).rounds
    assert only.sure == pytest.approx(smooth.max(axis=1), abs=1e-6)
    position = int(propose(reviewed, None, threshold=0.0).candidates.positions[-1])
    verdicts.accept(reviewed, None, position)
    table = first_rows(reviewed, 1, [Source.ACCEPTED], 10)
    row = table[table["position"] == position].iloc[0]
    assert row["confidence"] == pytest.approx(smooth[position].max(), abs=1e-6)


@pytest.mark.parametrize(
    ("scaling", "said"),
    [
        (VECTOR, ["vector scaling, weights 0.60 to 0.80, biases -1.00 to 2.00 by class"]),
        (ISOTONIC, ["isotonic regression, 2 steps from 0.50 to 0.93"]),
        (Temperature(1.4), []),
    ],
    ids=["vector", "isotonic", "temperature"],
)
def test_a_rounds_details_say_which_map_it_has(reviewed, scaling, said) -> None:
    found = scaled(reviewed, scaling)
    told = facts(detail(reviewed, 1, 1))
    assert [text for name, text in told if name == "Scaling"] == said
    words = ("vector scaling", "isotonic regression")
    assert rests_on(found.metrics).endswith(words) == bool(said)


@pytest.mark.parametrize(
    ("scaling", "named", "line"),
    [
        (VECTOR, "vector scaling", "calibrated, a third of the labels, n = 12, vector scaling"),
        (
            ISOTONIC,
            "isotonic regression",
            "calibrated, a third of the labels, n = 12, isotonic regression",
        ),
        (
            Temperature(1.5),
            "T = 1.50",
            "calibrated, T = 1.50, a third of the labels, n = 12, upper limit",
        ),
    ],
    ids=["vector", "isotonic", "temperature"],
)
def test_every_page_names_the_rounds_own_map(reviewed, scaling, named, line) -> None:
    scaled(reviewed, scaling)
    position = int(propose(reviewed, None, threshold=0.0).candidates.positions[-1])
    assert inspect(reviewed, None, 1, position).calibration == line
    (only,) = read_comparison(reviewed, 1, [1]).rounds
    assert only.round.calibrated_by == named
    with reading(reviewed.engine) as conn:
        page = render(gather(conn, reviewed.workspace, 1))
    assert f"Calibrated, {named}:" in page
    assert ("T = " in page) == isinstance(scaling, Temperature)


def test_an_uncalibrated_round_names_no_map(reviewed) -> None:
    found = scaled(reviewed, Temperature(1.0))
    metrics = {**found.metrics, "calibrated": False, "calibrated_on": CalibratedOn.NOTHING}
    with writing(reviewed.engine, 1) as conn:
        rounds.change_round(conn, found.id, {"metrics": metrics})
    assert inspect(reviewed, None, 1, 70).calibration == "uncalibrated (n = 6)"


def test_a_round_that_temperature_calibrates_stores_no_other_map(reviewed) -> None:
    with reading(reviewed.engine) as conn:
        found = rounds.finished_round(conn, 1)
    assert found.metrics["scaling"] is None
    assert scaling_of(found) == Temperature(found.temperature)
