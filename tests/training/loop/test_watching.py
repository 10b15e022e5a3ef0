"""What is seen of a training while it runs: how right pseudo-labels are, and pictures of views."""

import numpy as np
import pytest
import torch

from sslapp.methods.fixmatch.method import FixMatch, FixMatchConfig, FixMatchObjective
from sslapp.methods.registry import method_class
from sslapp.methods.supervised.method import Supervised, SupervisedConfig
from sslapp.training.loop import figures, steps
from sslapp.training.objective import LABELLED, Guesses, Losses, Objective
from sslapp.training.rules.losses import cross_entropy

CONFIG = FixMatchConfig(steps=4, batch_size=6, unlabelled_ratio=8, tau=0.5)
"""48 unlabelled images a step: the whole set."""


class Obstinate(Objective):
    """Takes every unlabelled image for class 0, and shows its weak views as it gets them."""

    views = FixMatchObjective.views

    def losses(self, step):
        loss = cross_entropy(step.logits[LABELLED], step.labels).mean()
        same = torch.zeros_like(step.rows)
        return Losses(loss, {}, Guesses(same, torch.ones(len(same))))

    def pictures(self, passes, views):
        assert passes.number in range(4)
        return {"weak again": views["weak"]}


@pytest.fixture
def watch(stripes, make_run):
    """A function: trains an objective and returns its newest report and the pictures it showed."""

    def run(objective, config=CONFIG):
        reports, shown = [], []
        watching = make_run(
            report=lambda step, total, metrics: reports.append(metrics),
            viewer=lambda step, total, make: shown.append((step, total, make())),
        )
        steps.train(stripes(), watching, config, objective)
        return reports[-1], shown

    return run


def test_pseudo_labels_are_judged_by_the_labelled_images_of_the_unlabelled_set(watch, stripes):
    task = stripes()
    report, _ = watch(Obstinate())
    assert report[figures.JUDGED] == len(task.labelled) == 12
    assert report[figures.RIGHT] == pytest.approx(np.mean(task.labels[task.labelled] == 0))


def test_without_a_confident_one_nothing_is_said_to_be_right():
    found = figures.judged({figures.JUDGED: 0.0, figures.RIGHT: 0.0, "loss": 1.0})
    assert found == {figures.JUDGED: 0.0, "loss": 1.0}
    assert figures.judged({"loss": 1.0}) == {"loss": 1.0}


def test_the_same_images_are_seen_in_every_view_and_in_what_a_method_makes_of_them(watch):
    _, shown = watch(Obstinate())
    assert [(step, total) for step, total, _ in shown] == [(each, 4) for each in (1, 2, 3, 4)]
    views = shown[0][2]
    assert list(views) == ["image", "weak", "strong", "weak again"]
    assert all(view.shape == (6, 1, 8, 8) and view.dtype == torch.uint8 for view in views.values())
    assert torch.equal(views["weak again"], views["weak"]), "normalised and back"
    assert not torch.equal(views["strong"], views["image"])
    assert torch.equal(shown[-1][2]["image"], views["image"])


def test_labels_alone_are_seen_as_labelled_views(stripes, make_run):
    shown = []
    run = make_run(viewer=lambda step, total, make: shown.append(make()))
    Supervised(SupervisedConfig(steps=1, batch_size=6)).fit(stripes(), run)
    assert list(shown[0]) == ["image", LABELLED]


def test_looking_changes_no_bit(stripes, make_run):
    watched = make_run("watched", viewer=lambda step, total, make: make())
    one, other = (
        FixMatch(CONFIG).fit(stripes(), run).state for run in (watched, make_run("alone"))
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(("name", "classes"), [("freematch", 3), ("flexmatch", 3), ("fixmatch", 0)])
def test_rules_with_a_limit_a_class_report_it(stripes, make_run, name, classes):
    reports = []
    run = make_run(report=lambda step, total, metrics: reports.append(metrics))
    method = method_class(name)
    method(method.Config(steps=4, batch_size=6)).fit(stripes(), run)
    limits = [value for name, value in reports[-1].items() if name.startswith("threshold/")]
    assert len(limits) == classes and all(0 <= each <= 1 for each in limits)
