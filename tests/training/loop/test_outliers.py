"""Images that no class fits: what a step sees of them, and that nothing changes without any."""

import dataclasses

import numpy as np
import pytest
import torch

from sslapp.methods.fixmatch.method import FixMatch, FixMatchConfig
from sslapp.methods.layermatch.method import LayerMatch, LayerMatchConfig
from sslapp.methods.supervised.method import Supervised, SupervisedConfig
from sslapp.training.folds import without
from sslapp.training.inputs.feed import Feed
from sslapp.training.objective import NONE_OF_THESE

METHODS = [
    (Supervised, SupervisedConfig(steps=6, batch_size=8)),
    (FixMatch, FixMatchConfig(steps=6, batch_size=8, unlabelled_ratio=1, tau=0.5)),
    (LayerMatch, LayerMatchConfig(steps=6, batch_size=8, unlabelled_ratio=1)),
]


def with_outliers(task):
    """The 6 rows in no part of the task become its images that no class fits."""
    used = np.concatenate([task.labelled, task.pool, task.validation])
    return dataclasses.replace(task, none_of_these=np.setdiff1d(np.arange(60), used))


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "config"), METHODS, ids=["supervised", "fixmatch", "layermatch"]
)
def test_they_are_learnt_from_unless_their_weight_is_zero(method, config, stripes, make_run):
    reports = []
    plain = method(config).fit(stripes(), make_run("plain")).state
    task = with_outliers(stripes())
    run = make_run("with", report=lambda step, total, metrics: reports.append(metrics))
    assert not same(method(config).fit(task, run).state, plain)
    assert all(each["none of these loss"] >= np.log(3) - 1e-6 for each in reports)
    poisoned = with_outliers(stripes(change=lambda images: images[task.none_of_these].fill(255)))
    off = config.model_copy(update={"none_weight": 0.0})
    assert same(method(off).fit(poisoned, make_run("off")).state, plain)


def test_a_step_sees_a_few_of_them_as_weak_views_after_the_others(stripes, make_run):
    task, config = with_outliers(stripes()), METHODS[1][1]
    views = {"weak": "weak", "strong": "strong"}
    plain = Feed(stripes(), make_run(), config, views)
    feed = Feed(task, make_run(), config, views)
    seen = []
    for step in range(3):
        batch, before = feed.take(step), plain.take(step)
        assert batch.views[NONE_OF_THESE].shape == (2, 1, 8, 8)
        for name, view in before.views.items():
            assert torch.equal(batch.views[name], view), name
        assert torch.equal(batch.labels, before.labels)
        assert torch.equal(batch.rows, before.rows)
        seen += feed.rows[feed.places(step)[-2:]].tolist()
    assert sorted(seen) == task.none_of_these.tolist(), "each once in a pass"


def test_a_fold_leaves_out_those_of_the_patients_that_it_asks_about(stripes):
    task = with_outliers(stripes())
    groups = np.arange(60)
    groups[task.none_of_these[:2]] = groups[task.labelled[0]]
    task = dataclasses.replace(task, groups=groups)
    fold = without(task, task.labelled[:1])
    assert fold.task.none_of_these.tolist() == task.none_of_these[2:].tolist()
