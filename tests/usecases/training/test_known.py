"""What is known of a round, against the plain way from its stored answers."""

import numpy as np
import pytest
import small_project

from sslapp.review.bounds import clopper_pearson
from sslapp.store.database import reading
from sslapp.store.rounds import finished_round
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.projects.classes import add_class, retire_class
from sslapp.usecases.reviewing.candidates import propose
from sslapp.usecases.training.known import read_known
from sslapp.usecases.training.rounds import start_round


@pytest.fixture
def twice(reviewed):
    """Two rounds; the second asks about every label, the first about a third of them."""
    start_round(reviewed, None, method="label-propagation")
    small_project.run_jobs(reviewed)
    return reviewed


def test_it_is_what_the_stored_answers_say(twice) -> None:
    with reading(twice.engine) as conn:
        found = finished_round(conn, 1, 2)
    answers = found.read_answers(twice.workspace)
    known = read_known(twice, 1, 2)
    assert known is not None
    names = [each.name for each in known.classes]
    truth = small_project.digits(160)[1]
    assert [names[each] for each in known.true] == [str(truth[each]) for each in known.positions]
    assert known.positions.tolist() == answers.positions.tolist()
    z = np.array(answers.logits, dtype=float) / found.temperature
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    assert known.sure == pytest.approx(p.max(axis=1))
    assert known.predicted.tolist() == p.argmax(axis=1).tolist()  # classes in their order
    assert known.confusion().sum() == len(known.positions)
    assert known.confusion().trace() == known.right.sum()
    (row, column) = next(zip(*np.nonzero(known.confusion()), strict=True))
    places = known.cell(row, column)
    assert len(places) == known.confusion()[row, column]
    assert (np.diff(known.sure[places]) <= 0).all()
    assert known.reliability().counts.sum() == len(known.positions)


def test_what_it_would_propose_is_what_review_offers(twice) -> None:
    known = read_known(twice, 1, 2)
    for threshold, count in known.proposals:
        offered = propose(twice, None, threshold=threshold, round_number=2).candidates
        assert count == len(offered)


def test_every_class_has_its_share_and_its_n_the_least_certain_first(twice) -> None:
    known = read_known(twice, None)
    assert known is not None
    assert known.number == 2
    lines = known.by_class()
    names = [each.name for each in known.classes]
    assert sorted(each.name for each in lines) == sorted(names)
    for each in lines:
        mine = known.true == names.index(each.name)
        assert (each.right, each.judged) == (int((known.right & mine).sum()), int(mine.sum()))
    lows = [each.interval.lower for each in lines if each.judged]
    assert lows == sorted(lows)
    judged = [each.judged > 0 for each in lines]
    assert judged == sorted(judged, reverse=True), "those that nobody judged come last"
    assert judged[0]
    row = lines[0].row()
    assert (row["lower"], row["upper"]) == clopper_pearson(lines[0].right, lines[0].judged)


def test_a_class_without_a_judged_image_is_listed_unless_it_is_retired(twice) -> None:
    add_class(twice, 1, "ten")
    add_class(twice, 1, "eleven")
    retire_class(twice, 1, "eleven")
    last = read_known(twice, 1, 2).by_class()[-1]
    assert (last.name, last.right, last.judged) == ("ten", 0, 0)
    assert last.row()["accuracy"] is None


def test_it_is_compared_with_the_round_before_on_the_same_images(twice) -> None:
    known = read_known(twice, 1, 2)
    number, pair = known.before
    with reading(twice.engine) as conn:
        earlier = finished_round(conn, 1, 1).read_answers(twice.workspace)
    assert number == 1
    common = np.intersect1d(earlier.positions, known.positions)
    assert pair.judged == len(common) == 12
    here = np.isin(known.positions, common)
    before = np.array(earlier.logits).argmax(axis=1) == earlier.labels
    gained = known.right[here].sum() - before[np.isin(earlier.positions, common)].sum()
    assert pair.only_second - pair.only_first == gained
    assert read_known(twice, 1, 1).before is None


@pytest.mark.slow
def test_a_round_without_answers_is_not_known_and_a_stranger_is_told_nothing(project) -> None:
    config = {"steps": 4, "batch_size": 8, "calibration_trainings": "none"}
    start_round(project, None, method="supervised", config=config)
    small_project.run_jobs(project)
    assert read_known(project, 1, 1) is None
    eve = enter(project.workspace, "Eve")
    with pytest.raises(NotAllowed):
        read_known(eve, 1, 1)
    eve.engine.dispose()
