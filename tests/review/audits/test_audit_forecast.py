"""How many looks are still to come: against an audit that is played to its end."""

import numpy as np
import pytest

from sslapp.review.audits.audit import AS_SAID, ERROR, UNASKED, Audit, Lot, Terms
from sslapp.review.audits.forecast import (
    MIXES,
    choose_mix,
    clean_looks,
    expected_looks,
    expected_wrong,
    weigh,
)


def lot_of(size, seed=0, doubtful=0.05):
    rng = np.random.default_rng(seed)
    doubt = np.where(rng.random(size) < doubtful, rng.beta(2, 6, size), rng.beta(1, 400, size))
    return Lot(np.arange(size), np.zeros(size, dtype=np.int64), 1 - doubt)


def played(audit, truth, allowed) -> int:
    """Looks until the audit proves it, one by one."""
    answers = np.full(len(truth), UNASKED, dtype=np.int8)
    for looks in range(len(truth) + 1):
        if audit.proof(audit.parts[0], answers).remaining <= allowed:
            return looks
        row = audit.next_rows(answers, 1)[0]
        answers[row] = truth[row]
    raise AssertionError


@pytest.mark.parametrize("size", [50, 400, 1500])
@pytest.mark.parametrize("already", [0, 40])
def test_looks_without_an_error_are_counted_exactly(size, already) -> None:
    audit = Audit(lot_of(size), Terms(3, 0.6, 0.05))
    allowed = size // 50
    clean = np.full(size, AS_SAID, dtype=np.int8)
    answers = np.full(size, UNASKED, dtype=np.int8)
    answers[audit.queue[:already]] = AS_SAID
    found = clean_looks(audit, audit.parts[0], answers, allowed)
    assert found == max(played(audit, clean, allowed) - already, 0)


@pytest.mark.slow
def test_expected_looks_are_about_what_calibrated_labels_take() -> None:
    lot = lot_of(1500)
    allowed, seen = 30, []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        truth = np.where(rng.random(1500) < 1 - lot.confidence, ERROR, AS_SAID).astype(np.int8)
        seen.append(played(Audit(lot, Terms(seed, 0.6, 0.05)), truth, allowed))
    audit = Audit(lot, Terms(99, 0.6, 0.05))
    nothing = np.full(1500, UNASKED, dtype=np.int8)
    least = clean_looks(audit, audit.parts[0], nothing, allowed)
    found = expected_looks(audit, audit.parts[0], nothing, allowed)
    assert least is not None
    assert found is not None
    assert least <= found
    assert found == pytest.approx(np.median(seen), rel=0.35)


def test_errors_beyond_the_promise_raise_what_is_expected() -> None:
    lot = lot_of(1500)
    audit = Audit(lot, Terms(4, 0.6, 0.05))
    first = audit.queue[:60]
    good, bad = (np.full(1500, UNASKED, dtype=np.int8) for _ in range(2))
    good[first] = AS_SAID
    bad[first] = np.where(np.arange(60) % 4 == 0, ERROR, AS_SAID)
    looks = [expected_looks(audit, audit.parts[0], each, 30) for each in (good, bad)]
    assert looks[0] is not None
    assert looks[1] is None or looks[1] > 2 * looks[0]


def test_where_nothing_is_allowed_all_must_be_seen() -> None:
    audit = Audit(lot_of(40), Terms(4, 0.6, 0.05))
    nothing = np.full(40, UNASKED, dtype=np.int8)
    assert clean_looks(audit, audit.parts[0], nothing, 0) == 40


@pytest.mark.slow
def test_the_mix_is_one_of_those_that_are_played() -> None:
    lot = lot_of(1200)
    mix = choose_mix(lot, 0.05, 24)
    assert mix in MIXES
    assert choose_mix(lot, 0.05, 24) == mix, "the same for the same lot"
    many = Lot(*(np.tile(each, 20) for each in (lot.positions, lot.class_ids, lot.confidence)))
    assert abs(choose_mix(many, 0.05, 480) - mix) <= 0.2 + 1e-9, "a large lot is like a small one"


def test_humble_confidences_are_not_believed_to_the_letter() -> None:
    """Labels that are nearly all right, of a round that believes in 4 % of errors."""
    rng = np.random.default_rng(0)
    humble = Lot(
        np.arange(1700), np.zeros(1700, dtype=np.int64), 1 - rng.exponential(0.04, 1700).clip(0, 1)
    )
    assert choose_mix(humble, 0.05, 34) >= 0.6


def test_answers_say_how_many_wrong_labels_are_left() -> None:
    lot = lot_of(1500)
    audit = Audit(lot, Terms(4, 0.6, 0.05))
    answers = np.full(1500, UNASKED, dtype=np.int8)
    answers[audit.queue[:49]] = AS_SAID
    assert expected_wrong(audit, audit.parts[0], answers) is None
    answers[audit.queue[:80]] = AS_SAID
    few = expected_wrong(audit, audit.parts[0], answers)
    answers[audit.queue[:80:4]] = ERROR
    many = expected_wrong(audit, audit.parts[0], answers)
    assert few is not None
    assert many is not None
    promised = (1 - lot.confidence[answers == UNASKED]).sum()
    assert few < promised < many


# order statistics of what a round of 80 labels proposed for 1,717 digits: ten were wrong
RANKS = [0, 5, 10, 20, 39, 60, 100, 200, 500, 1716]
CONFIDENCES = [0.268, 0.397, 0.449, 0.545, 0.64, 0.731, 0.786, 0.889, 0.96, 0.999]


@pytest.mark.slow
def test_a_few_doubtful_images_are_named_first_where_an_audit_would_look_for_them() -> None:
    confidence = np.interp(np.arange(1717), RANKS, CONFIDENCES)
    lot = Lot(np.arange(1717), np.zeros(1717, dtype=np.int64), confidence)
    found = weigh(lot, 0.05, 34)
    assert 8 <= found.named <= 51
    assert found.named + found.after <= 0.9 * found.now
    assert weigh(lot, 0.05, 34) == found, "the same for the same lot"
    assert weigh(lot, 0.05, 600).named == 0, "many errors are allowed: a few looks prove it"


def test_nothing_is_named_where_every_image_is_as_doubtful() -> None:
    lot = Lot(np.arange(2000), np.zeros(2000, dtype=np.int64), np.full(2000, 0.99))
    found = weigh(lot, 0.05, 40)
    assert (found.named, found.after) == (0, found.now)
    assert 100 < found.now < 400
