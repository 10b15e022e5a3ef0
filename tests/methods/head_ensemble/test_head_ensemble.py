"""The ensemble of heads: the mean of the specification, and what it does with its members."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sslapp.methods.head_ensemble import method as head_ensemble
from sslapp.methods.head_ensemble.method import (
    MEMBERS,
    FittedMember,
    Forbidden,
    HeadEnsemble,
    HeadEnsemblePredictor,
    HeadMember,
    Weight,
    average,
)
from sslapp.training.folds import cross_folds
from sslapp.training.method import Predictor
from sslapp.training.run import Stopped
from sslapp.vocabulary import Gear


class Fixed(Predictor):
    """A member that says the same of every image."""

    def __init__(self, *logits: float) -> None:
        self._logits = torch.tensor([logits])

    def logits(self, source, indices):
        return self._logits.repeat(len(indices), 1)

    def save(self, folder):
        raise NotImplementedError

    @classmethod
    def load(cls, folder):
        raise NotImplementedError


OWN = HeadMember("linear probe", "")
ORACLE = {
    "a": FittedMember(Fixed(2, 0, 0), Weight(1.0, 0.5), OWN),
    "b": FittedMember(Fixed(1, 1.2, 0), Weight(2.0, 0.5), OWN),
    "c": FittedMember(Fixed(3, 0, 1), Weight(4.0, 0.5), OWN),
}
NOBODY = Forbidden(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 3, dtype=torch.bool))


def fit(task, run):
    return HeadEnsemble(HeadEnsemble.Config()).fit(task, run)


def few(digits, count):
    """The task of so many labels with a pool of 500, and its truth."""
    task, truth = digits(count)
    return replace(task, pool=task.pool[:500]), truth


def accuracy(fitted, task, truth) -> float:
    return float(
        (fitted.logits(task.features, task.pool).argmax(1).numpy() == truth[task.pool]).mean()
    )


def test_the_mean_of_the_oracle(digits) -> None:
    task, _ = digits(20)
    found = HeadEnsemblePredictor(ORACLE, NOBODY)
    p = found.logits(task.features, np.array([4])).exp()[0]
    assert p.tolist() == pytest.approx([0.545594, 0.247094, 0.207312], abs=1e-6)
    each = found.members(task.features, np.array([4]))
    assert each["b"][0].tolist() == pytest.approx([0.368772, 0.407556, 0.223672], abs=1e-6)


def test_a_member_counts_by_how_many_labels_it_was_right_about(digits) -> None:
    # weights 1 : 2 : 1 of the shares of the oracle
    task, _ = digits(20)
    weights = {"a": 0.25, "b": 0.5, "c": 0.25}
    members = {
        name: each._replace(weight=each.weight._replace(share=weights[name]))
        for name, each in ORACLE.items()
    }
    p = HeadEnsemblePredictor(members, NOBODY).logits(task.features, np.array([4])).exp()[0]
    expected = (0.786986 + 2 * 0.368772 + 0.481024) / 4
    assert p[0].item() == pytest.approx(expected, abs=1e-6)


def test_the_share_is_the_rule_of_succession() -> None:
    labels = torch.arange(40) % 10
    logits = torch.nn.functional.one_hot(labels, 10).float()
    logits[:6] *= -1
    assert Weight.of(logits, labels).share == (34 + 1) / (40 + 2)
    assert Weight.of(torch.zeros(0, 10), labels[:0]) == (1.0, 0.5)


def test_how_much_a_member_counts_in_a_fold_is_told_by_the_others(digits) -> None:
    task, _ = digits(40)
    folds = cross_folds(task, 0, quick=True)
    labels = torch.cat([torch.from_numpy(each.labels) for each in folds])
    good = 4.0 * torch.nn.functional.one_hot(labels, 10).float()
    bad = good.roll(1, dims=1)
    first = len(folds[0].rows)
    # right in the first fold alone: there its say rests on the others, where it is always wrong
    mixed = torch.cat([good[:first], bad[first:]])
    p = average(folds, [mixed, good]).exp()
    wrong = Weight.of(mixed[first:], labels[first:])
    right = Weight.of(good[first:], labels[first:])
    assert wrong.share < 0.05
    assert right.share > 0.95
    expected = sum(
        each.share * torch.softmax(good[:first].double() / each.temperature, dim=1)
        for each in (wrong, right)
    ) / (wrong.share + right.share)
    assert torch.allclose(p[:first].double(), expected, atol=1e-6)


def test_classes_that_readers_ruled_out_have_no_share_in_any_member(digits) -> None:
    task, _ = digits(20)
    forbidden = Forbidden(torch.tensor([4, 9]), torch.tensor([[True, False, False], [True] * 3]))
    found = HeadEnsemblePredictor(ORACLE, forbidden)
    rows = np.array([9, 3, 4])
    for p in found.members(task.features, rows).values():
        assert p[2, 0] == 0
        assert p.sum(dim=1).tolist() == pytest.approx([1, 1, 1])
        assert torch.equal(p[0], p[1]), "an image that is none of the classes keeps its shares"
    b = found.members(task.features, rows)["b"][2]
    assert b[1].item() == pytest.approx(0.407556 / (0.407556 + 0.223672), abs=1e-6)


def two_encoders(task, second):
    """The task with the features of a second encoder beside its own."""
    own = type(task.features)
    return replace(
        task, features=own(task.features.array, "first", [own(second, "second")])
    ), replace(task, features=own(second))


@pytest.mark.slow
def test_every_encoder_brings_three_members_that_see_its_features_alone_and_are_saved(
    digits, make_run, tmp_path
) -> None:
    task, truth = few(digits, 40)
    noise = np.random.default_rng(0).normal(size=(len(truth), 20)).astype(np.float32)
    both, other = two_encoders(task, task.features.array[:, ::2] + 4 * noise[:, :1])
    fitted = fit(both, make_run(Gear.FEATURES))
    rows = task.pool[:50]
    said = fitted.members(both.features, rows)
    alone = {
        name: fit(each, make_run(Gear.FEATURES, name)).members(each.features, rows)
        for name, each in {"first": task, "second": other}.items()
    }
    assert list(said) == [f"{label}, {on}" for on in alone for label in MEMBERS]
    for on, members in alone.items():
        for label, p in members.items():
            assert torch.equal(said[f"{label}, {on}"], p)
    p = fitted.logits(both.features, rows).exp()
    stacked = torch.stack(list(said.values()))
    assert (p >= stacked.amin(dim=0) - 1e-6).all()
    assert (p <= stacked.amax(dim=0) + 1e-6).all()
    fitted.save(tmp_path / "predictor")
    loaded = HeadEnsemblePredictor.load(tmp_path / "predictor")
    rows = task.pool[:7]
    assert torch.equal(loaded.logits(both.features, rows), fitted.logits(both.features, rows))
    with pytest.raises(ValueError, match="none of first; embed the images"):
        loaded.logits(other.features, rows)


@pytest.mark.slow
def test_a_killed_fit_ends_like_an_undisturbed_one_and_is_the_same_after_saving(
    digits, make_run, tmp_path
) -> None:
    task, _ = few(digits, 30)
    task.forbidden[task.pool[:2], 3] = True
    undisturbed = fit(task, make_run(Gear.FEATURES, "undisturbed"))
    polls = iter(range(40))
    with pytest.raises(Stopped):
        fit(task, make_run(Gear.FEATURES, "killed", should_stop=lambda: next(polls, None) is None))
    again = fit(task, make_run(Gear.FEATURES, "again", earlier=(tmp_path / "killed",)))
    rows = task.pool
    said = undisturbed.logits(task.features, rows)
    assert torch.equal(again.logits(task.features, rows), said)
    again.save(tmp_path / "predictor")
    loaded = HeadEnsemblePredictor.load(tmp_path / "predictor")
    assert torch.equal(loaded.logits(task.features, rows), said)


@pytest.mark.slow
def test_it_is_no_worse_than_its_members_on_average_and_its_answers_cost_no_further_fits(
    digits, make_run, monkeypatch
) -> None:
    task, truth = few(digits, 40)
    run = make_run(Gear.FEATURES)
    method = HeadEnsemble(HeadEnsemble.Config())
    fitted = method.fit(task, run)
    alone = [
        accuracy(
            kind.method(kind.method.Config()).fit(task, make_run(Gear.FEATURES, name)), task, truth
        )
        for name, kind in MEMBERS.items()
    ]
    assert accuracy(fitted, task, truth) > np.mean(alone) + 0.02

    def refuse(*_):
        raise AssertionError("fitted again")

    for kind in head_ensemble.MEMBERS.values():
        monkeypatch.setattr(kind.method, "fit", refuse)
    folds = cross_folds(task, run.seed, quick=True)
    answers = method.answer(folds, run)
    rows = np.concatenate([each.rows for each in folds])
    assert answers.shape == (len(rows), 10)
    assert len(rows) == 40
    right = (answers.argmax(dim=1).numpy() == truth[rows]).mean()
    assert 0.6 < right < 1


@pytest.mark.slow
def test_with_one_class_it_says_that_class(digits, make_run) -> None:
    task, truth = few(digits, 60)
    ones = task.labelled[truth[task.labelled] == 4]
    task = type(task)(**{**vars(task), "labelled": ones})
    fitted = fit(task, make_run(Gear.FEATURES))
    assert (fitted.logits(task.features, task.pool).argmax(dim=1) == 4).all()
