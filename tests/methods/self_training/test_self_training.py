"""Self-training: whom it gives pseudo-labels, when it ends, and that a kill costs nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from sslapp.methods.self_training import method as self_training
from sslapp.methods.self_training.config import SelfTrainingConfig
from sslapp.methods.self_training.method import PseudoLabels, SelfTraining, confident
from sslapp.methods.supervised.method import Supervised
from sslapp.training.method import Predictor
from sslapp.training.run import Stopped
from sslapp.vocabulary import Gear, Source

FIRST = [[0.97, 0.03], [0.95, 0.05], [0.2, 0.8], [0.08, 0.92]]
THEN = [[0.97, 0.03], [0.85, 0.15], [0.2, 0.8], [0.08, 0.92]]
"""The specification's pool, before and after image 1 has become doubtful."""

SHORT = {"steps": 6, "batch_size": 6, "tau": 0.2, "iterations": 3}


def logits(p):
    return torch.tensor(p, dtype=torch.float64).log()


def allowed(p, *ruled_out):
    forbidden = np.zeros(np.shape(p), dtype=bool)
    for row, column in ruled_out:
        forbidden[row, column] = True
    return forbidden


@pytest.fixture
def few(digits):
    """Digits with 30 labels and 60 images of the pool, in no order; the first two with classes
    ruled out: three of them, and all but one."""
    task, truth = digits(30)
    pool = task.pool[:60]
    forbidden = task.forbidden.copy()
    forbidden[pool[0], [0, 1, 2]] = True
    forbidden[pool[1]] = np.arange(10) != 4
    return replace(task, pool=pool, forbidden=forbidden), truth


class Said(Predictor):
    """A model that says of pool images what it was told to."""

    def __init__(self, rows, p):
        self._said = dict(zip(rows.tolist(), logits(p), strict=True))

    def logits(self, source, indices):
        return torch.stack([self._said[row] for row in indices.tolist()])

    def save(self, folder):
        raise NotImplementedError

    @classmethod
    def load(cls, folder):
        raise NotImplementedError


def of_two_classes(task, pool):
    """The task with even and odd labels, and so many images in its pool."""
    return replace(
        task,
        num_classes=2,
        labels=np.where(task.labels < 0, -1, task.labels % 2),
        pool=task.pool[:pool],
        forbidden=np.zeros((len(task.labels), 2), dtype=bool),
    )


@pytest.fixture
def play(digits, make_run, monkeypatch):
    """A function: lets trainings answer in turn about four images of two classes, and returns the
    pseudo-labels (place, class) that each was given."""

    def run(*answers, ruled_out=(), **options):
        task = of_two_classes(digits(30)[0], 4)
        for place, column in ruled_out:
            task.forbidden[task.pool[place], column] = True
        waiting, given = iter(answers), []

        def fit(self, taught, run):
            assert len(taught.labelled) + len(taught.pool) == 34
            assert len(np.unique(np.concatenate([taught.labelled, taught.pool]))) == 34
            assert np.array_equal(taught.labels[task.labelled], task.labels[task.labelled])
            assert (taught.source[task.labelled] == Source.EXPERT).all()
            pseudo = [
                (i, int(taught.labels[r])) for i, r in enumerate(task.pool) if r in taught.labelled
            ]
            given.append(pseudo)
            return Said(task.pool, next(waiting))

        monkeypatch.setattr(Supervised, "fit", fit)
        options = {"tau": 0.9, "iterations": 5, **options}
        SelfTraining(SelfTrainingConfig(**options)).fit(task, make_run(Gear.FEATURES))
        return given

    return run


def test_whoever_is_confident_gets_a_pseudo_label():
    places, classes = confident(logits(FIRST), allowed(FIRST), 0.9)
    assert (places.tolist(), classes.tolist()) == ([0, 1, 3], [0, 0, 1])


def test_the_cap_keeps_the_most_confident_of_each_class():
    places, classes = confident(logits(FIRST), allowed(FIRST), 0.9, most_per_class=1)
    assert (places.tolist(), classes.tolist()) == ([0, 3], [0, 1])


@pytest.mark.parametrize(("gear", "taken"), [(Gear.PIXELS, [0]), (Gear.FEATURES, [0, 1])])
def test_left_open_tau_is_lower_on_features(digits, make_run, monkeypatch, gear, taken):
    task, given = of_two_classes(digits(30)[0], 3), []

    def fit(self, taught, run):
        given.append([i for i, row in enumerate(task.pool) if row in taught.labelled])
        return Said(task.pool, [[0.97, 0.03], [0.85, 0.15], [0.7, 0.3]])

    monkeypatch.setattr(Supervised, "fit", fit)
    SelfTraining(SelfTrainingConfig(iterations=2)).fit(task, make_run(gear))
    assert given == [[], taken]


def test_exactly_tau_is_not_enough():
    assert confident(torch.zeros(1, 2), allowed([[0, 0]]), 0.5)[0].tolist() == []


def test_ruled_out_classes_are_no_pseudo_labels_and_a_class_left_over_is_none_either():
    p = [[0.97, 0.02, 0.01], [0.97, 0.0299, 0.0001], [0.97, 0.02, 0.01]]
    forbidden = allowed(p, (0, 0), (1, 0), (2, 0), (2, 1))
    places, classes = confident(logits(p), forbidden, 0.9)
    assert (places.tolist(), classes.tolist()) == ([1], [1])  # .02/.03 is too little for the first


@pytest.mark.parametrize(
    ("mode", "then"),
    [("rebuild", [(0, 0), (3, 1)]), ("accumulate", [(0, 0), (1, 0), (3, 1)])],
)
def test_a_doubtful_one_is_kept_only_by_accumulating(play, mode, then):
    given = play(FIRST, THEN, THEN, mode=mode)
    assert given[:2] == [[], [(0, 0), (1, 0), (3, 1)]]
    assert given[2:] == ([then] if mode == "rebuild" else []), "nothing new ends it"


def test_accumulated_labels_stay_as_they_were_and_the_cap_counts_each_time(play):
    turned = [[0.03, 0.97], [0.95, 0.05], [0.04, 0.96], [0.08, 0.92]]
    given = play(FIRST, turned, turned, mode="accumulate", most_per_class=1, iterations=3)
    assert given == [[], [(0, 0), (3, 1)], [(0, 0), (1, 0), (2, 1), (3, 1)]]


def test_no_candidate_ends_it(play):
    assert play([[0.5, 0.5]] * 4) == [[]]


def test_an_empty_pool_ends_it_when_all_of_it_was_learnt(play):
    sure = [[0.99, 0.01]] * 4
    assert play(sure, sure, mode="accumulate") == [[], [(place, 0) for place in range(4)]]


def test_the_trainings_that_were_asked_for_are_the_most(play):
    flipping = [[[0.99, 0.01]] * 4, [[0.01, 0.99]] * 4]
    assert len(play(*flipping, *flipping, iterations=3)) == 3


def test_an_image_with_a_class_left_is_left_alone(play):
    given = play(FIRST, FIRST, ruled_out=[(0, 1), (3, 0)])
    assert given[1] == [(1, 0)]


def test_later_trainings_of_a_noisy_student_see_strong_views(few, make_run, monkeypatch):
    task, _ = few
    seen, plain = [], Supervised.fit

    def fit(self, taught, run):
        seen.append((self.config.labelled_views, self.config.steps))
        return plain(self, taught, run)

    monkeypatch.setattr(Supervised, "fit", fit)
    config = SelfTrainingConfig(**SHORT, noisy_student=True)
    SelfTraining(config).fit(task, make_run())
    assert seen == [("auto", 6), ("strong", 6), ("strong", 6)]
    with pytest.raises(ValidationError, match="take 2 iterations or more"):
        SelfTrainingConfig(iterations=1, noisy_student=True)


def test_one_training_is_the_supervised_one_bit_for_bit(few, make_run):
    task, _ = few
    options = {"steps": 6, "batch_size": 6}
    config = SelfTrainingConfig(**options, iterations=1)
    own = SelfTraining(config).fit(task, make_run(name="own")).state
    plain = Supervised(Supervised.Config(**options)).fit(task, make_run(name="plain")).state
    assert all(torch.equal(own[name], plain[name]) for name in plain)


@pytest.mark.slow
@pytest.mark.parametrize("polls", [8, 15])  # in the second training and in the third
def test_a_killed_round_ends_like_an_undisturbed_one(few, make_run, tmp_path, polls):
    task, _ = few
    config = SelfTrainingConfig(**SHORT)
    whole = SelfTraining(config).fit(task, make_run(name="whole")).state
    left = iter(range(polls))
    stopping = make_run(name="killed", should_stop=lambda: next(left, None) is None)
    with pytest.raises(Stopped):
        SelfTraining(config).fit(task, stopping)
    reports = []
    again = make_run(
        name="again",
        earlier=(tmp_path / "killed",),
        report=lambda step, total, metrics: reports.append((step, total)),
    )
    resumed = SelfTraining(config).fit(task, again).state
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)
    assert reports[0] == ((polls // 7) * 6 + 1, 18), "finished trainings are not repeated"
    assert reports[-1] == (18, 18)


def test_it_says_whom_it_gave_pseudo_labels(few, make_run):
    task, _ = few
    reports = {}
    run = make_run(report=lambda step, total, metrics: reports.update({step: metrics}))
    SelfTraining(SelfTrainingConfig(**SHORT)).fit(task, run)
    assert reports[1]["mask rate"] == 0
    given = [reports[18][f"pseudo_labels/{column}"] for column in range(10)]
    assert reports[18]["mask rate"] == pytest.approx(sum(given) / 60) and sum(given) > 0
    assert np.isfinite(reports[18]["labelled loss"])


def test_probes_teach_themselves_on_features(digits, make_run):
    task, truth = digits(40)
    options = {"tau": 0.9, "iterations": 4}
    fitted = SelfTraining(SelfTrainingConfig(**options)).fit(task, make_run(Gear.FEATURES))
    alone = Supervised(Supervised.Config()).fit(task, make_run(Gear.FEATURES, name="alone"))

    def right(predictor):
        answers = predictor.logits(task.features, task.pool).argmax(dim=1).numpy()
        return (answers == truth[task.pool]).mean()

    assert right(fitted) > right(alone) - 0.02 > 0.7


def test_nobody_appears_twice(digits):
    task, _ = digits(30)
    pseudo = PseudoLabels(np.sort(task.pool[:5]), np.arange(5))
    taught = pseudo.given(task)
    assert len(taught.labelled) + len(taught.pool) == len(task.labelled) + len(task.pool)
    assert (taught.source[pseudo.rows] == Source.ACCEPTED).all()
    assert (task.labels[pseudo.rows] == -1).all(), "the round's own task is untouched"
    assert self_training.NONE.given(task).labelled.tolist() == task.labelled.tolist()
