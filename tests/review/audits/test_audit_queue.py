"""The queue of an audit: what counts is its answered beginning, whoever answers and when."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslapp.review.audits.audit import AS_SAID, ERROR, UNASKED, Audit, Lot, Terms


def make_audit(size=60, thresholds=(0.0, 0.9, 0.97), seed=5, classes=3) -> Audit:
    rng = np.random.default_rng(seed)
    lot = Lot(
        np.arange(size) * 2,
        rng.integers(0, classes, size),
        1 - rng.exponential(0.05, size).clip(0, 1),
    )
    return Audit(lot, Terms(seed, 0.6, 0.05, thresholds))


def truth_of(audit, seed=0):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(len(audit.lot)) < 0.1, ERROR, AS_SAID).astype(np.int8)


def nothing(audit):
    return np.full(len(audit.lot), UNASKED, dtype=np.int8)


@pytest.mark.slow
@given(asked=st.integers(0, 60), shuffle=st.integers(0, 2**16))
def test_any_order_of_arrival_ends_at_the_same_bound(asked, shuffle) -> None:
    audit = make_audit()
    truth = truth_of(audit)
    in_order = nothing(audit)
    rows = audit.queue[:asked]
    in_order[rows] = truth[rows]
    arriving = nothing(audit)
    for row in np.random.default_rng(shuffle).permutation(rows):
        before = audit.proof(audit.parts[0], arriving)
        arriving[row] = truth[row]
        after = audit.proof(audit.parts[0], arriving)
        assert after.most <= before.most, "the bound never rises"
        assert after.looks >= before.looks
    for part in audit.parts:
        assert audit.proof(part, arriving) == audit.proof(part, in_order)


@settings(max_examples=50)
@given(
    chosen=st.sets(st.integers(0, 59), max_size=20),
    asked=st.integers(0, 30),
)
def test_images_that_a_reader_chose_move_nothing_before_their_turn(chosen, asked) -> None:
    audit = make_audit()
    truth = truth_of(audit)
    answers = nothing(audit)
    answers[audit.queue[:asked]] = truth[audit.queue[:asked]]
    plain = [audit.draws(part, answers) for part in audit.parts]
    answers[sorted(chosen)] = truth[sorted(chosen)]
    for before, part in zip(plain, audit.parts, strict=True):
        after = audit.draws(part, answers)
        drawn = audit.queue[part.members[audit.queue]]
        gap = next((n for n, row in enumerate(drawn) if answers[row] == UNASKED), len(drawn))
        assert len(after) == gap >= len(before)
        assert np.array_equal(after.errors, truth[drawn[:gap]] == ERROR)
        assert np.array_equal(after.weight[: len(before)], before.weight)


def test_a_part_is_an_audit_of_its_own() -> None:
    audit = make_audit()
    truth = truth_of(audit)
    part = audit.parts[1]
    rows = np.flatnonzero(part.members)
    alone = Audit(
        Lot(audit.lot.positions[rows], audit.lot.class_ids[rows], audit.lot.confidence[rows]),
        Terms(0, 0.6, part.alpha),
    )
    alone.weight = audit.weight[rows]
    answers = nothing(audit)
    answers[audit.queue[:40]] = truth[audit.queue[:40]]
    alone.__dict__["queue"] = np.searchsorted(rows, audit.queue[np.isin(audit.queue, rows)])
    there = alone.part(np.ones(len(rows), dtype=bool), part.alpha)
    assert alone.proof(there, answers[rows]) == audit.proof(part, answers)


def test_alpha_is_shared_by_what_may_be_picked() -> None:
    audit = make_audit(thresholds=(0.5, 0.8, 0.9, 0.99))
    assert [part.alpha for part in audit.parts] == pytest.approx([0.025, *[0.025 / 3] * 3])
    assert audit.parts[0].members.all()
    assert [part.size for part in audit.parts[1:]] == [
        int((audit.lot.confidence >= each).sum()) for each in (0.8, 0.9, 0.99)
    ]
    assert [part.alpha for part in make_audit(thresholds=(0.5,)).parts] == [0.05]


def test_the_next_images_are_the_first_that_wait() -> None:
    audit = make_audit(3000, seed=1)
    answers = nothing(audit)
    assert audit.next_rows(answers, 3).tolist() == audit.queue[:3].tolist()
    answers[audit.queue[:2500]] = AS_SAID
    answers[audit.queue[7]] = UNASKED
    expected = [audit.queue[7], *audit.queue[2500:2503]]
    assert audit.next_rows(answers, 4).tolist() == expected
    taken = [int(audit.queue[7])]
    assert audit.next_rows(answers, 2, taken).tolist() == audit.queue[2500:2502].tolist()
    answers[:] = AS_SAID
    assert len(audit.next_rows(answers, 3)) == 0
    assert len(audit.draws(audit.parts[0], answers)) == 3000


@pytest.mark.parametrize(
    "terms", [{"alpha": 0}, {"alpha": 1}, {"thresholds": ()}, {"thresholds": (0.5,) * 21}]
)
def test_terms_that_prove_nothing_are_refused(terms) -> None:
    with pytest.raises(ValueError, match=r"alpha|thresholds"):
        Terms(**{"seed": 1, "mix": 0.6, "alpha": 0.05, **terms})
