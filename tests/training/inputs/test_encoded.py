"""Training on encoded views: which views a step sees, exactness, and what is refused."""

import dataclasses

import numpy as np
import pytest
import torch

from models.feature_head import LENGTH
from sslapp.methods.dash.method import Dash, DashConfig
from sslapp.methods.fixmatch.method import FixMatch, FixMatchConfig
from sslapp.rounds.data import TaskFeatures
from sslapp.training.inputs.encoded import FeatureFeed, FeaturePredictor, standardisation
from sslapp.training.run import Stopped
from sslapp.training.standardisation import SMALLEST_SHARE
from sslapp.vocabulary import Gear

CONFIG = FixMatchConfig(steps=20, batch_size=6, unlabelled_ratio=2, tau=0.4)
VIEWS = {"weak": "weak", "strong": "strong"}


@pytest.fixture
def on_features(stripes):
    """A function like `stripes` whose task has features and encoded views in place of pixels.

    The last column of a vector says which view it is: 0 clean, 1 and 2 weak, 3 and 4 strong.
    """

    def make(*, names=("weak-0", "weak-1", "strong-0", "strong-1"), change=None, **options):
        task = stripes(**options)
        clean = task.pixels.array.reshape(60, -1)[:, ::3].astype(np.float32)
        noise = np.random.default_rng(3)

        def view(number):
            rows = clean + number * noise.normal(size=clean.shape).astype(np.float32)
            rows[:, -1] = number
            return rows

        arrays = {"clean": view(0), **{name: view(n) for n, name in enumerate(names, 1)}}
        if change is not None:
            change(arrays)
        features = TaskFeatures(arrays.pop("clean"), arrays)
        return dataclasses.replace(task, pixels=None, features=features)

    return make


def test_dash_learns_from_encoded_views_as_well(on_features, make_run):
    task = on_features()
    config = DashConfig(steps=20, batch_size=6, unlabelled_ratio=2)
    run = features_run(make_run)
    found = Dash(config).fit(task, run).logits(task.features, task.labelled).argmax(dim=1)
    assert (found.numpy() == task.labels[task.labelled]).mean() > 0.8


class Counted:
    """Says no so many times."""

    def __init__(self, times):
        self.left = times

    def is_over(self):
        self.left -= 1
        return self.left < 0


def features_run(make_run, *names, **options):
    return make_run(*names, gear=Gear.FEATURES, **options)


def scores(task, run):
    return FixMatch(CONFIG).fit(task, run).logits(task.features, np.arange(60))


def test_weak_views_are_weak_copies_or_the_image_and_strong_views_strong_copies(
    on_features, make_run
):
    task = on_features()
    feed = FeatureFeed(task, features_run(make_run), CONFIG, VIEWS)
    seen = {"labelled": set(), "weak": set(), "strong": set()}
    for step in range(30):
        batch = feed.take(step)
        for name, view in batch.views.items():
            seen[name] |= set(view[:, -1].tolist())
        rows = feed.rows[batch.rows.numpy()]
        for kind in ("weak", "strong"):
            number = batch.views[kind][:, -1].long()
            arrays = [task.features.array, *task.features.encoded.values()]
            expected = [arrays[n][row] for n, row in zip(number.tolist(), rows, strict=True)]
            np.testing.assert_array_equal(batch.views[kind].numpy(), np.stack(expected))
    assert seen == {"labelled": {0, 1, 2}, "weak": {0, 1, 2}, "strong": {3, 4}}


def test_a_batch_is_a_function_of_seed_and_step(on_features, make_run):
    task = on_features()
    one, same, other = (
        FeatureFeed(task, features_run(make_run, seed=seed), CONFIG, VIEWS).take(4).views["strong"]
        for seed in (7, 7, 8)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_features_are_standardised_by_the_training_rows_alone(on_features, monkeypatch):
    monkeypatch.setattr("sslapp.training.standardisation.ROWS", 7)  # in several pieces
    task = on_features()
    rows = np.concatenate([task.labelled, task.pool])
    x = task.features.array[rows].astype(np.float64)
    mean, std = standardisation(task)
    kept = x.var(axis=0) > SMALLEST_SHARE * x.var(axis=0).mean()
    assert not kept[-1], "0 for every clean image, but not for their views"
    made = ((x - mean.numpy()) / std.numpy())[:, kept]
    np.testing.assert_allclose(made.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(made.std(axis=0), LENGTH / x.shape[1] ** 0.5, rtol=1e-4)
    floor = (SMALLEST_SHARE * x.var(axis=0).mean()) ** 0.5
    assert std[-1].item() == pytest.approx(floor * x.shape[1] ** 0.5 / LENGTH, rel=1e-4)


@pytest.mark.slow
def test_a_killed_run_ends_like_an_undisturbed_one(on_features, make_run):
    task = on_features(forbidden=[(3, 0), (8, 1)])
    expected = scores(task, features_run(make_run, "whole"))
    for polls in (0, 8, 19):
        name = f"killed-{polls}"
        killed = features_run(
            make_run, name, checkpoint_seconds=0, should_stop=Counted(polls).is_over
        )
        with pytest.raises(Stopped):
            scores(task, killed)
        resumed = features_run(make_run, f"resumed-{polls}", after=(name,))
        assert torch.equal(expected, scores(task, resumed)), name


def test_rows_outside_the_task_are_never_read(on_features, make_run):
    plain = on_features()
    used = np.concatenate([plain.labelled, plain.pool, plain.validation])
    unused = np.setdiff1d(np.arange(60), used)

    def poison(arrays):
        for rows in arrays.values():
            rows[unused] = np.nan

    poisoned = on_features(change=poison)
    a, b = (
        scores(task, features_run(make_run, name))[used]
        for task, name in ((plain, "a"), (poisoned, "b"))
    )
    assert torch.equal(a, b)


def test_without_encoded_views_it_is_refused_with_the_mend(on_features, make_run):
    task = on_features(names=("weak-0",))
    with pytest.raises(ValueError, match=r"`sslapp encode`.*Encode views on the Projects page"):
        scores(task, features_run(make_run))


def test_a_saved_head_gives_the_same_scores_and_refuses_other_features(
    on_features, make_run, tmp_path
):
    task = on_features()
    fitted = FixMatch(CONFIG).fit(task, features_run(make_run))
    fitted.save(tmp_path / "predictor")
    loaded = FeaturePredictor.load(tmp_path / "predictor")
    rows = np.arange(60)
    assert torch.equal(fitted.logits(task.features, rows), loaded.logits(task.features, rows))
    assert loaded.embed(task.features, rows) is None, "it sees the encoder's features themselves"
    assert fitted.logits(task.features, rows[:0]).shape == (0, 3)
    narrow = TaskFeatures(task.features.array[:, :5])
    with pytest.raises(ValueError, match="give it those of its own encoder"):
        loaded.logits(narrow, rows)
