"""A simulated reader: its mistakes, its pace, and that it sees one image at a time."""

import numpy as np
import pytest

from sslapp.simulation.reader import ReaderModel, SimulatedReader

TRUTH = np.arange(2000) % 4


def answers(reader: SimulatedReader) -> np.ndarray:
    return np.array([reader.name_class(position) for position in range(len(TRUTH))])


def test_a_perfect_reader_says_the_truth() -> None:
    assert (answers(SimulatedReader(TRUTH, 4, ReaderModel(), seed=0)) == TRUTH).all()


def test_mistakes_come_as_often_as_said_and_are_spread_evenly() -> None:
    found = answers(SimulatedReader(TRUTH, 4, ReaderModel(accuracy=0.8), seed=0))
    wrong = found != TRUTH
    # 2,000 answers: three standard deviations are 0.027
    assert abs(wrong.mean() - 0.2) < 0.027
    shares = np.bincount((found - TRUTH)[wrong] % 4, minlength=4)[1:] / wrong.sum()
    assert np.abs(shares - 1 / 3).max() < 0.08


def test_a_confusion_decides_which_mistake() -> None:
    confusion = np.roll(np.eye(4), 1, axis=1)
    model = ReaderModel(accuracy=0.5, confusion=confusion)
    found = answers(SimulatedReader(TRUTH, 4, model, seed=0))
    wrong = found != TRUTH
    assert wrong.any()
    assert (found[wrong] == (TRUTH[wrong] + 1) % 4).all()


def test_the_same_question_gets_the_same_answer_in_any_order() -> None:
    model = ReaderModel(accuracy=0.5)
    first = answers(SimulatedReader(TRUTH, 4, model, seed=1))
    again = SimulatedReader(TRUTH, 4, model, seed=1)
    backwards = [again.name_class(position) for position in reversed(range(len(TRUTH)))]
    assert first.tolist() == backwards[::-1]
    assert (first != answers(SimulatedReader(TRUTH, 4, model, seed=2))).any()


def test_time_passes_by_what_is_done() -> None:
    model = ReaderModel(seconds_label=3, seconds_review=1, seconds_bulk=10)
    reader = SimulatedReader(TRUTH, 4, model, seed=0)
    reader.name_class(0)
    assert reader.seconds == 3
    assert reader.judge(1, proposed=1) == 1
    assert reader.seconds == 4
    assert reader.judge(1, proposed=2) == 1, "a wrong proposal takes naming the class"
    assert reader.seconds == 7
    reader.decide_in_bulk()
    assert reader.seconds == 17


class Watched:
    """True labels that know which of them were looked at."""

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def __getitem__(self, position: int) -> int:
        self.seen.add(position)
        return int(TRUTH[position])


@pytest.mark.parametrize("accuracy", [1.0, 0.5])
def test_only_the_image_in_question_is_looked_at(accuracy) -> None:
    truth = Watched()
    reader = SimulatedReader(truth, 4, ReaderModel(accuracy=accuracy), seed=0)  # type: ignore[arg-type]
    reader.name_class(7)
    reader.judge(9, proposed=2)
    reader.decide_in_bulk()
    assert truth.seen == {7, 9}


@pytest.mark.parametrize("confusion", [np.ones((3, 3)), np.eye(4), -np.ones((4, 4))])
def test_a_confusion_that_does_not_fit_is_refused(confusion) -> None:
    with pytest.raises(ValueError, match="confusion"):
        SimulatedReader(TRUTH, 4, ReaderModel(confusion=confusion), seed=0)


def test_a_reader_who_tires_makes_more_mistakes_late() -> None:
    model = ReaderModel(fatigue=0.2, seconds_label=3.6)  # two hours for all of them
    wrong = answers(SimulatedReader(TRUTH, 4, model, seed=0)) != TRUTH
    # by a tenth on average in the first hour, three tenths in the second; three deviations .045
    assert abs(wrong[:1000].mean() - 0.1) < 0.03
    assert abs(wrong[1000:].mean() - 0.3) < 0.045


def test_a_reader_who_trusts_waves_wrong_proposals_through() -> None:
    reader = SimulatedReader(TRUTH, 4, ReaderModel(bias=0.3), seed=0)
    judged = np.array([reader.judge(p, int(TRUTH[p] + 1) % 4) for p in range(len(TRUTH))])
    waved = judged == (TRUTH + 1) % 4
    assert abs(waved.mean() - 0.3) < 0.031
    assert (judged[~waved] == TRUTH[~waved]).all()
    assert (answers(reader) == TRUTH).all(), "where nothing is proposed there is nothing to trust"
