"""Whose labels a method is asked about, and that the answers are those of fits without them."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from small_tasks import blobs

from sslapp.methods.fixmatch.config import FixMatchConfig
from sslapp.methods.label_propagation.method import LabelPropagation
from sslapp.methods.supervised.method import Supervised
from sslapp.training.calibration.out_of_sample import ask
from sslapp.training.calibration.sources import source_for
from sslapp.training.folds import cross_folds
from sslapp.vocabulary import CalibratedOn, Gear, Source


@pytest.mark.parametrize(
    ("labels", "holdout", "gear", "trainings", "expected"),
    [
        (40, 30, Gear.PIXELS, "three", CalibratedOn.HOLDOUT),
        (40, 29, Gear.FEATURES, "none", CalibratedOn.FOLDS),
        (89, 29, Gear.PIXELS, "auto", CalibratedOn.THIRDS),
        (90, 29, Gear.PIXELS, "auto", CalibratedOn.THIRD),
        (90, 29, Gear.PIXELS, "three", CalibratedOn.THIRDS),
        (40, 29, Gear.PIXELS, "one", CalibratedOn.THIRD),
        (40, 29, Gear.PIXELS, "none", CalibratedOn.NOTHING),
        (9, 29, Gear.FEATURES, "three", CalibratedOn.NOTHING),
    ],
)
def test_the_order_of_the_sources(labels, holdout, gear, trainings, expected) -> None:
    config = Supervised.Config(calibration_trainings=trainings)
    assert source_for(config, gear, holdout=holdout, experts=labels) is expected


def test_a_method_that_trains_for_minutes_is_not_folded_on_features_either() -> None:
    source = source_for(FixMatchConfig(), Gear.FEATURES, holdout=0, experts=40)
    assert source is CalibratedOn.THIRDS


@pytest.mark.parametrize(("switch", "now"), [(True, "one"), (False, "none")])
def test_the_switch_of_an_earlier_version_is_read(switch, now) -> None:
    config = FixMatchConfig(**{"second_training": switch, "steps": 7})
    assert (config.calibration_trainings, config.steps) == (now, 7)
    assert "second_training" not in config.model_dump()
    with pytest.raises(ValidationError):
        FixMatchConfig(second_training="yes")


def test_accepted_pseudo_labels_are_not_asked_about(make_run) -> None:
    task = blobs(12, 0)
    task.source[task.labelled[:3]] = Source.ACCEPTED
    method = LabelPropagation(LabelPropagation.Config())
    run = make_run(gear=Gear.FEATURES)
    found = ask(method, task, run, method.fit(task, run))
    assert (found.source, len(found)) == (CalibratedOn.NOTHING, 0)


def test_answers_are_those_of_fits_without_the_images(make_run) -> None:
    task = blobs(40, 10)
    method = Supervised(Supervised.Config())
    run = make_run(gear=Gear.FEATURES)
    found = ask(method, task, run, method.fit(task, run))
    assert found.source is CalibratedOn.FOLDS
    assert found.rows.tolist() == sorted(task.labelled.tolist())
    assert found.labels.tolist() == task.labels[found.rows].tolist()
    for number, fold in enumerate(cross_folds(task, run.seed, quick=True)):
        apart = make_run(f"afold-{number}", gear=Gear.FEATURES)
        alone = method.fit(fold.task, apart).logits(task.features, fold.rows)
        here = np.searchsorted(found.rows, fold.rows)
        assert torch.equal(found.logits[here], alone)


def test_the_holdout_answers_by_the_fit_itself(make_run) -> None:
    task = blobs(20, 30)
    method = Supervised(Supervised.Config())
    run = make_run(gear=Gear.FEATURES)
    predictor = method.fit(task, run)
    found = ask(method, task, run, predictor)
    assert torch.equal(found.logits, predictor.logits(task.features, found.rows))
    assert found.rows.tolist() == sorted(task.validation.tolist())


def test_the_answers_are_kept_for_a_resumed_round(make_run, monkeypatch) -> None:
    task = blobs(40, 10)
    method = Supervised(Supervised.Config())
    first = make_run("first", gear=Gear.FEATURES)
    found = ask(method, task, first, method.fit(task, first))
    again = make_run("again", after=("first",), gear=Gear.FEATURES)
    monkeypatch.setattr(Supervised, "fit", None)
    assert torch.equal(ask(method, task, again, None).logits, found.logits)
