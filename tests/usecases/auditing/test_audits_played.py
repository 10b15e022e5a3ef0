"""An audit from its opening to the certificate, on a real round's accepted labels."""

import numpy as np
import pytest
import small_project

from sslapp.review.audits.audit import AS_SAID, ERROR, UNASKED, Audit
from sslapp.review.audits.bound import most_errors
from sslapp.store.database import reading
from sslapp.store.errors import KeyReused, Refused
from sslapp.store.labels import current_labels
from sslapp.store.state import load_state
from sslapp.usecases.access import enter
from sslapp.usecases.auditing.answers import NONE_OF_THESE, UNSURE, answer, more_looks, next_looks
from sslapp.usecases.auditing.certificate import certify
from sslapp.usecases.auditing.opened import find_audit, from_event
from sslapp.usecases.auditing.opening import audit_labels
from sslapp.usecases.auditing.progress import audit_progress, stop_advice
from sslapp.usecases.auditing.standing import standing
from sslapp.usecases.labelling import decisions, verdicts
from sslapp.usecases.people import members
from sslapp.usecases.reviewing.bulk_decisions import bulk_accept
from sslapp.usecases.reviewing.checks import audit_candidates
from sslapp.vocabulary import EventKind, Role, Source


def labels_now(access):
    with reading(access.engine) as conn:
        state = load_state(conn, 1)
    return state.labels, state.source


def truth_of(access, position) -> str:
    return str(small_project.true_columns(access)[position])


def audit_now(access, number=None):
    with reading(access.engine) as conn:
        return standing(conn, 1, find_audit(conn, 1, number))


def play(access, count) -> list[int]:
    """Answer so many looks truthfully; returns their positions."""
    asked = []
    for _ in range(count):
        look = next(iter(next_looks(access, None)), None)
        if look is None:
            break
        answer(access, None, None, look.position, truth_of(access, look.position))
        asked.append(look.position)
    return asked


def test_the_lot_is_what_nobody_gave_singly_and_blind(accepted) -> None:
    labels, source = labels_now(accepted)
    opened = audit_labels(accepted, None)
    assert opened.audit.lot.positions.tolist() == np.flatnonzero(source == Source.ACCEPTED).tolist()
    lot = opened.audit.lot
    with reading(accepted.engine) as conn:
        columns = load_state(conn, 1).class_ids[labels[lot.positions]]
    assert lot.class_ids.tolist() == columns.tolist()
    assert len(np.unique(lot.confidence)) > 20, "each has the confidence that its round gave it"


def test_the_log_alone_gives_queue_and_bound_again(accepted) -> None:
    audit_labels(accepted, None, target=0.9)
    play(accepted, 25)
    opening = next(e for e in small_project.log(accepted) if e.kind is EventKind.AUDIT_OPEN)
    lot, terms = from_event(opening)
    again = Audit(lot, terms)
    found = audit_now(accepted)
    assert again.queue.tolist() == found.opened.audit.queue.tolist()
    said = [e for e in small_project.log(accepted) if e.kind is EventKind.AUDIT_LABEL]
    rows = np.searchsorted(lot.positions, [e.position for e in said])
    answers = np.full(len(lot), UNASKED, dtype=np.int8)
    for row, made in zip(rows, said, strict=True):
        answers[row] = AS_SAID if made.class_id == lot.class_ids[row] else ERROR
    assert answers.tolist() == found.answers.tolist()
    draws = again.draws(again.parts[0], answers)
    assert most_errors(draws, 0.05) == found.proof.most
    assert small_project.damage(accepted) is None


def test_errors_are_mended_at_once_and_mending_is_undone(accepted) -> None:
    audit_labels(accepted, None)
    before, _ = labels_now(accepted)
    truth = small_project.true_columns(accepted)
    asked = play(accepted, 30)
    labels, source = labels_now(accepted)
    assert (labels[asked] == truth[asked]).all()
    assert (source[asked] == Source.EXPERT).all()
    wrong = [position for position in asked if before[position] != truth[position]]
    assert wrong, "a quick round makes mistakes"
    found = audit_now(accepted)
    assert found.proof.mended == len(wrong)
    row = found.row_of(wrong[0])
    decisions.undo(accepted, None, found.first[row].number)
    labels, _ = labels_now(accepted)
    assert labels[wrong[0]] == before[wrong[0]]
    assert audit_now(accepted).proof == found.proof, "taken back later, it stays an answer"
    assert certify(accepted, None).changed == 1, "and the label that came back counts as wrong"


def test_an_answer_taken_back_at_once_was_not_given(accepted) -> None:
    audit_labels(accepted, None)
    play(accepted, 3)
    before = audit_now(accepted)
    (look,) = next_looks(accepted, None)
    made = answer(accepted, None, None, look.position, UNSURE)
    assert audit_now(accepted).proof.looks == 4
    decisions.undo(accepted, None, made.number)
    assert audit_now(accepted).proof == before.proof
    assert next_looks(accepted, None)[0].position == look.position


def test_unsure_and_none_of_these_are_errors_and_take_the_label_away(accepted) -> None:
    audit_labels(accepted, None)
    labels = certify(accepted, None).labels
    for said in (UNSURE, NONE_OF_THESE):
        (look,) = next_looks(accepted, None)
        answer(accepted, None, None, look.position, said)
        with reading(accepted.engine) as conn:
            assert current_labels(conn, 1, [look.position]) == {}
    found = audit_now(accepted)
    assert (found.proof.looks, found.proof.errors) == (2, 2)
    stated = certify(accepted, None)
    assert (stated.labels, stated.none_of_these, stated.errors) == (labels - 2, 1, 2)


def test_a_blind_label_from_elsewhere_waits_for_its_turn(accepted) -> None:
    opened = audit_labels(accepted, None)
    late = int(opened.audit.lot.positions[opened.audit.queue[40]])
    decisions.label(accepted, None, late, truth_of(accepted, late))
    assert audit_now(accepted).proof.looks == 0
    shown = int(opened.audit.lot.positions[opened.audit.queue[0]])
    verdicts.relabel(accepted, None, shown, truth_of(accepted, shown))
    assert audit_now(accepted).answered == 1, "a relabel was given with a prediction in sight"
    asked = play(accepted, 42)  # two of them repetitions
    assert late not in asked
    assert audit_now(accepted).proof.looks == 41


def test_a_reader_is_asked_again_and_compared_with_themselves(accepted) -> None:
    audit_labels(accepted, None)
    asked = play(accepted, 42)
    assert len(asked) - len(set(asked)) == 2
    stated = certify(accepted, None)
    (reader,) = stated.readers
    assert (reader.reader, reader.repeated, reader.same) == ("Ann", 2, 2)
    assert reader.interval.lower == pytest.approx(0.158, abs=1e-3)
    assert audit_now(accepted).proof.looks == 40


def test_two_readers_share_a_queue_and_a_gap_waits(accepted) -> None:
    opened = audit_labels(accepted, None)
    members.grant(accepted, None, "Bob", Role.READER)
    bob = enter(accepted.workspace, "Bob")
    queue = opened.audit.lot.positions[opened.audit.queue].tolist()
    mine = [each.position for each in next_looks(accepted, None, count=3)]
    theirs = [each.position for each in next_looks(bob, None, count=2)]
    assert mine + theirs == queue[:5]
    for position in theirs:
        answer(bob, None, None, position, truth_of(bob, position))
    assert audit_now(accepted).proof.looks == 0
    for position in reversed(mine):
        answer(accepted, None, None, position, truth_of(accepted, position))
    assert audit_now(accepted).proof.looks == 5
    with pytest.raises(Refused, match="answered by another reader"):
        answer(accepted, None, None, theirs[0], "3")
    bob.engine.dispose()


def test_an_answer_that_is_sent_again_is_the_same(accepted) -> None:
    audit_labels(accepted, None)
    first, second = (each.position for each in next_looks(accepted, None, count=2))
    made = answer(accepted, None, None, first, "3", key="page-0001:1")
    assert answer(accepted, None, None, first, "3", key="page-0001:1").number == made.number
    with pytest.raises(KeyReused):
        answer(accepted, None, None, second, "3", key="page-0001:1")


def test_opening_again_goes_on_until_there_are_other_labels(accepted) -> None:
    first = audit_labels(accepted, None)
    play(accepted, 12)
    assert audit_labels(accepted, None).number == first.number
    with reading(accepted.engine) as conn:
        pool = load_state(conn, 1).pool
    assert len(pool) == 0
    undone = play(accepted, 1)[0]
    verdicts.relabel(accepted, None, undone, str((int(truth_of(accepted, undone)) + 1) % 10))
    second = audit_labels(accepted, None)
    assert second.number == 2
    assert undone in second.audit.lot.positions
    assert len(second.audit.lot) < len(first.audit.lot), "what was answered blind needs no proof"


def test_the_certificate_tightens_to_the_truth(accepted) -> None:
    """Played to the end; the bound falls with the looks, and no label is claimed that is wrong."""
    start = certify(accepted, None)
    lot = len(audit_labels(accepted, None).audit.lot)
    assert start.wrong == start.uncovered == lot
    truth = small_project.true_columns(accepted)
    worst = [start.wrong]
    while audit_now(accepted).answered < lot:
        play(accepted, 10)
        stated = certify(accepted, None)
        labels, _ = labels_now(accepted)
        wrong = int(((labels != truth) & (labels >= 0)).sum())
        assert stated.wrong >= wrong
        assert sum(each.wrong for each in stated.classes) >= wrong
        worst.append(stated.wrong)
    assert worst == sorted(worst, reverse=True)
    assert (stated.wrong, stated.precision, stated.uncovered) == (0, 1, 0)
    assert next_looks(accepted, None) == []


def test_progress_says_what_is_proven_and_what_it_takes(accepted) -> None:
    audit_labels(accepted, None, target=0.8)
    found = audit_progress(accepted, None)
    assert (found.audit, found.target, found.proven, found.answered) == (1, 0.8, False, 0)
    assert found.whole.further is not None
    assert found.whole.precision == pytest.approx(0)
    while not (found := audit_progress(accepted, None)).proven:
        play(accepted, 1)
    assert found.whole.precision >= 0.8
    assert found.whole.further == found.expected == 0


def test_a_lot_that_overlaps_the_audit_of_all_labels_does_not_push_it_out(accepted) -> None:
    lot = audit_labels(accepted, None).audit.lot
    bulk = next(e for e in small_project.log(accepted) if e.kind is EventKind.BULK_ACCEPT)
    decisions.undo(accepted, None, bulk.number)
    audit_candidates(accepted, None, threshold=0.0, positions=lot.positions[:1])
    bulk_accept(accepted, None, lot.positions, unproven=True)
    stated = certify(accepted, None)
    assert [each.audit for each in stated.lots] == [1]
    assert stated.uncovered == 0


def test_another_target_is_answered_by_the_open_audit(accepted) -> None:
    audit_labels(accepted, None, target=0.8)
    assert audit_progress(accepted, None).target == 0.8
    higher = audit_progress(accepted, None, target=0.95)
    assert (higher.audit, higher.target) == (1, 0.95)
    assert higher.whole.further >= audit_progress(accepted, None).whole.further


def test_what_another_reader_answered_leaves_the_hand(accepted) -> None:
    audit_labels(accepted, None)
    members.grant(accepted, None, "Bob", Role.READER)
    (look,) = next_looks(accepted, None)
    bob = enter(accepted.workspace, "Bob")
    decisions.label(bob, None, look.position, "3")
    bob.engine.dispose()
    assert more_looks(accepted, None, have=[look.position]).gone == [look.position]


def test_advice_follows_what_is_proven(accepted) -> None:
    assert stop_advice(accepted, None).startswith("Some labels were not given")
    audit_labels(accepted, None, target=0.8)
    play(accepted, 5)
    assert "would certify 80.0 %" in stop_advice(accepted, None)
    while not audit_progress(accepted, None).proven:
        play(accepted, 4)
    assert "no longer changes" in stop_advice(accepted, None)
    while play(accepted, 5):
        pass
    assert stop_advice(accepted, None).startswith("Every label")


def test_what_cannot_be_audited_is_refused(project) -> None:
    with pytest.raises(Refused, match="nothing to check"):
        audit_labels(project, None)
    with pytest.raises(Refused, match="No audit was opened yet"):
        next_looks(project, None)


def test_targets_and_images_outside_are_refused(accepted) -> None:
    with pytest.raises(Refused, match="target: 1"):
        audit_labels(accepted, None, target=1.0)
    audit_labels(accepted, None)
    with pytest.raises(Refused, match="not in the lot"):
        answer(accepted, None, None, 0, "3")
    with pytest.raises(Refused, match="There is no audit 7"):
        next_looks(accepted, None, 7)
    with pytest.raises(ValueError, match="no class"):
        answer(accepted, None, None, next_looks(accepted, None)[0].position, "elephant")
