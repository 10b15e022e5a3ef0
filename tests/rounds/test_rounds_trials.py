"""Methods compared on the reader's own labels: what is asked, on what, and as a job."""

from dataclasses import replace

import numpy as np
import pytest
import small_tasks
import torch

from sslapp.methods.challengers import CHALLENGERS, FINE_TUNING
from sslapp.methods.head_ensemble.method import HeadEnsemble
from sslapp.methods.prototypes.method import Prototypes
from sslapp.review.trial import Trial
from sslapp.rounds.trials import QUICK, try_methods
from sslapp.training.folds import cross_folds
from sslapp.training.run import Run, Stopped
from sslapp.vocabulary import Gear, Source


@pytest.fixture
def make_run(tmp_path):
    def make(name="run", **options):
        about = {"gear": Gear.FEATURES, "device": torch.device("cpu"), "seed": 3}
        return Run(**about, folder=tmp_path / name, dtype=torch.float32, **options)

    return make


def named(task, name, *beside):
    """The task whose features have a name and others beside them."""
    own = small_tasks.Clouds(task.features.array)
    own.name, own.beside = name, beside
    return replace(task, features=own)


def noise(task, name):
    rng = np.random.default_rng(9)
    found = small_tasks.Clouds(rng.normal(size=task.features.shape).astype(np.float32))
    found.name = name
    return found


@pytest.mark.slow
def test_the_answers_are_those_of_the_methods_themselves(make_run) -> None:
    task = small_tasks.blobs(40, 0, apart=1.5)
    trials = {each.method: each for each in try_methods(task, make_run())}
    folds = cross_folds(task, 3, quick=True)
    labels = np.concatenate([each.labels for each in folds])
    for name, method in {"prototypes": Prototypes, "head-ensemble": HeadEnsemble}.items():
        alone = method(method.Config()).answer(folds, make_run(name))
        assert trials[name].right == (alone.argmax(dim=1).numpy() == labels).sum()


@pytest.mark.slow
def test_each_encoder_is_tried_and_the_ensemble_averages_those_it_is_told(make_run) -> None:
    task = small_tasks.blobs(40, 0)
    other = noise(task, "noise")
    trials = try_methods(named(task, "clouds"), make_run(), others=[other])
    assert [(each.method, each.encoders) for each in trials[:3]] == [
        ("head-ensemble", ("clouds",)),
        ("head-ensemble", ("noise",)),
        (QUICK[0], ("clouds",)),
    ]
    of = {(each.method, *each.encoders): each.right for each in trials}
    on = {name: sum(of[method, name] for method in QUICK) for name in ("clouds", "noise")}
    assert on["clouds"] > on["noise"] + 10 * len(QUICK)
    together = try_methods(named(task, "clouds", other), make_run("together"))
    assert together[0].encoders == ("clouds", "noise")
    assert [each.encoders for each in together[1:3]] == [("clouds",), ("noise",)]
    assert together[1].right == trials[0].right


@pytest.mark.slow
def test_a_patients_images_are_one_witness(make_run) -> None:
    task = small_tasks.blobs(40, 0, apart=1.2)
    alone = try_methods(task, make_run())
    assert any(each.only_this + each.only_ensemble > 2 for each in alone)
    for each in alone:
        assert (each.groups_this, each.groups_ensemble) == (each.only_this, each.only_ensemble)
    groups = np.arange(len(task.labels), dtype=np.int64)
    groups[task.labelled] = np.arange(40) // 8
    for each in try_methods(replace(task, groups=groups), make_run("grouped")):
        assert each.groups_this + each.groups_ensemble <= 5
        assert each.groups_this <= each.only_this


def test_accepted_pseudo_labels_are_asked_about_by_nobody(make_run) -> None:
    task = small_tasks.blobs(40, 0)
    source = task.source.copy()
    source[task.labelled[:15]] = Source.ACCEPTED
    trials = try_methods(replace(task, source=source), make_run())
    assert {each.judged for each in trials} == {25}


def test_without_a_label_to_leave_out_there_are_no_trials(make_run) -> None:
    task = small_tasks.blobs(20, 0)
    together = replace(task, groups=np.zeros(len(task.labels), dtype=np.int64))
    assert try_methods(together, make_run()) == []


@pytest.mark.slow  # a diffusion model, however small
def test_long_methods_are_asked_about_the_same_third_on_images_of_the_size_that_they_want(
    make_run, monkeypatch
) -> None:
    monkeypatch.setattr("sslapp.methods.diff_sysc.method.FIRST_STEPS", 20)
    monkeypatch.setattr("sslapp.methods.diff_sysc.method.LATER_STEPS", 10)
    task, asked = small_tasks.blobs(30, 0), []

    def pixels_at(side):
        asked.append(side)
        images = np.random.default_rng(side).integers(0, 256, (200, 1, side, side), dtype=np.uint8)
        return small_tasks.Clouds(images)

    options = {"iterations": 1, "first_epochs": 2, "later_epochs": 1, "width": 16}
    diffusion = replace(CHALLENGERS["diff-sysc"], settings=options)
    quick = {"network": "small-cnn", "steps": 1, "batch_size": 4}
    tuned = replace(FINE_TUNING, settings={"flip": True}, config={**quick, "image_size": 96})
    *_, long, network = try_methods(
        named(task, "clouds"), make_run(), also=[diffusion, tuned], pixels_at=pixels_at
    )
    assert (long.method, long.gear, long.encoders) == ("diff-sysc", Gear.FEATURES, ("clouds",))
    for each in (long, network):
        assert 8 <= each.judged <= 10
        assert each.only_this <= each.right
    assert asked == [96]
    assert (network.method, network.gear, network.encoders) == ("supervised", Gear.PIXELS, ())
    assert network.config == {**quick, "image_size": 96}, "the project's settings are its own"
    assert Trial.of_row(network.row()) == network


@pytest.mark.slow
def test_quick_methods_are_asked_about_every_label_once_and_a_kill_changes_nothing(
    make_run, tmp_path
) -> None:
    task = named(small_tasks.blobs(30, 0), "clouds")
    said = []
    trials = try_methods(
        task, make_run("undisturbed"), say=lambda step, total, what: said.append((step, total))
    )
    assert [each.method for each in trials] == ["head-ensemble", *QUICK]
    assert {each.judged for each in trials} == {30}
    assert {each.encoders for each in trials} == {("clouds",)}
    assert said == [(k, len(QUICK)) for k in range(len(QUICK))]
    assert (trials[0].only_this, trials[0].only_ensemble) == (0, 0)
    for each in trials:
        assert each.right - trials[0].right == each.only_this - each.only_ensemble
    polls = iter(range(12))
    with pytest.raises(Stopped):
        try_methods(task, make_run("killed", should_stop=lambda: next(polls, None) is None))
    assert any((tmp_path / "killed").rglob("result-*"))
    again = try_methods(task, make_run("again", earlier=(tmp_path / "killed",)))
    assert [replace(each, seconds=0) for each in again] == [
        replace(each, seconds=0) for each in trials
    ]
