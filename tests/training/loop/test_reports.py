"""What a training reports as it goes: means over the steps since the last report, and accuracies
of the student and of the averaged weights on the holdout."""

import dataclasses
import statistics

import numpy as np
import pytest
import torch

from sslapp.methods.fixmatch.method import FixMatch, FixMatchConfig
from sslapp.methods.flexmatch.method import FlexMatch
from sslapp.methods.freematch.method import FreeMatch
from sslapp.methods.layermatch.config import LayerMatchConfig
from sslapp.methods.layermatch.method import LayerMatch
from sslapp.methods.pseudo_label.method import PseudoLabel
from sslapp.methods.softmatch.method import SoftMatch
from sslapp.methods.supervised.method import Supervised
from sslapp.methods.uda.method import UDA
from sslapp.training.loop import figures
from sslapp.training.loop.evaluation import Evaluation
from sslapp.training.loop.steps import LONGEST_VECTOR, reported
from sslapp.training.objective import class_counts
from sslapp.training.run import Stopped
from sslapp.training.task import Task
from sslapp.vocabulary import Source

SIZES = {"steps": 20, "batch_size": 6, "unlabelled_ratio": 2}


def test_confident_pseudo_labels_are_counted_by_class() -> None:
    pseudo_labels = torch.tensor([2, 0, 2, 1, 2])
    mask = torch.tensor([True, True, True, False, False])
    assert class_counts(pseudo_labels, mask, 4).tolist() == [1, 0, 2, 0]


def test_vectors_are_reported_entry_by_entry_and_very_long_ones_not() -> None:
    sums = {
        "loss": torch.tensor(3.0),
        "few": torch.tensor([2.0, 4.0]),
        "many": torch.ones(LONGEST_VECTOR + 1),
    }
    assert reported(sums, 2) == {"loss": 1.5, "few/0": 1.0, "few/1": 2.0}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "config"),
    [
        (FixMatch, FixMatchConfig(**SIZES, tau=0.4)),
        (LayerMatch, LayerMatchConfig(**SIZES)),
    ],
)
def test_the_classes_share_the_mask(method, config, stripes, make_run) -> None:
    reports = []
    run = make_run(report=lambda step, total, metrics: reports.append(metrics))
    method(config).fit(stripes(), run)
    unlabelled = 6 * 2
    assert any(each["mask rate"] > 0 for each in reports)
    for each in reports:
        counted = sum(each[f"pseudo_labels/{column}"] for column in range(3))
        assert counted == pytest.approx(each["mask rate"] * unlabelled, abs=1e-5)


def trained(stripes, make_run, name="attempt-1", *, task=None, steps=50, **options):
    """(reports by step, predictor) of a FixMatch training."""
    reports = {}
    run = make_run(
        name, report=lambda step, total, metrics: reports.update({step: dict(metrics)}), **options
    )
    config = FixMatchConfig(**{**SIZES, "steps": steps}, tau=0.4)
    return reports, FixMatch(config).fit(task or stripes(), run)


@pytest.fixture(scope="module")
def kept():
    """What the runs that several tests look at ended with, by name."""
    return {}


@pytest.fixture
def undisturbed(kept, stripes, make_run):
    """(reports by step, predictor) of the usual training."""
    if "usual" not in kept:
        kept["usual"] = trained(stripes, make_run, "undisturbed")
    return kept["usual"]


@pytest.mark.slow
def test_the_last_the_best_and_the_median_of_both_weights_are_reported(
    stripes, undisturbed
) -> None:
    reports, predictor = undisturbed
    task = stripes()
    last = reports[50]
    for name in (figures.ACCURACY, figures.STUDENT):
        course = [each[name] for each in reports.values() if name in each]
        assert len(course) >= figures.LAST
        assert last[name] == course[-1]
        assert last[f"best {name}"] == max(course)
        assert last[f"median {name}"] == statistics.median(course[-20:])
        assert not any(f"best {name}" in reports[step] for step in range(1, 50))
    right = predictor.logits(task.pixels, task.validation).argmax(1).numpy()
    published = float((right == task.labels[task.validation]).mean())
    assert last[figures.ACCURACY] == published, "the last averaged weights, not the best"
    assert last[figures.EVALUATED] == 6


def holdout_of(count: int) -> Task:
    """A task of `count` holdout images of class 0, and one image to train on and one to predict."""
    return Task(
        num_classes=3,
        labels=np.zeros(count + 2, dtype=np.int64),
        source=np.full(count + 2, Source.EXPERT, dtype=np.uint8),
        forbidden=np.zeros((count + 2, 3), dtype=bool),
        labelled=np.array([count]),
        pool=np.array([count + 1]),
        validation=np.arange(count),
    )


def test_student_and_average_are_evaluated_each_with_its_own_weights(make_run) -> None:
    def evaluation() -> Evaluation:
        return Evaluation(
            holdout_of(4),
            make_run(),
            total=2,
            report_every=1,
            images_a_step=8,
            evaluate=lambda weights, rows: weights["scores"][rows],
        )

    found, resumed = evaluation(), evaluation()
    scores = torch.eye(3)[torch.tensor([0, 0, 0, 1])]
    worse = torch.eye(3)[torch.tensor([0, 1, 1, 1])]
    first = found.take(1, averaged={"scores": scores}, student={"scores": worse})
    assert (first[figures.ACCURACY], first[figures.STUDENT]) == (0.75, 0.25)
    resumed.load_state_dict(found.state_dict())
    last = found.take(2, averaged={"scores": worse}, student={"scores": scores})
    assert resumed.take(2, averaged={"scores": worse}, student={"scores": scores}) == last
    assert (last[figures.ACCURACY], last[figures.STUDENT]) == (0.25, 0.75)
    assert (last["best holdout accuracy"], last["median holdout accuracy"]) == (0.75, 0.5)


@pytest.mark.slow
def test_evaluations_change_nothing_that_is_trained(stripes, make_run, undisturbed) -> None:
    task, (_, measured) = stripes(), undisturbed
    without = dataclasses.replace(task, validation=task.validation[:0])
    _, blind = trained(stripes, make_run, "without", task=without)
    assert all(torch.equal(blind.state[name], value) for name, value in measured.state.items())


@pytest.mark.slow
def test_a_killed_run_reports_the_same_best_and_median(stripes, make_run, undisturbed) -> None:
    left = iter(range(30))
    with pytest.raises(Stopped):
        trained(
            stripes,
            make_run,
            "killed",
            checkpoint_seconds=0,
            should_stop=lambda: next(left, None) is None,
        )
    again, _ = trained(stripes, make_run, "again", after=("killed",))
    assert min(again) == 31, "it went on and did not start anew"
    assert again[50] == undisturbed[0][50]


def test_an_empty_holdout_is_said(stripes, make_run) -> None:
    task = dataclasses.replace(stripes(), validation=np.zeros(0, dtype=np.int64))
    reports, _ = trained(stripes, make_run, task=task, steps=3)
    assert reports[3][figures.EVALUATED] == 0
    assert not any("accuracy" in name for name in reports[3])
    assert figures.sentences(reports[3]) == ["unknown: the holdout is empty."]


def test_the_median_is_that_of_the_last_twenty_alone() -> None:
    found = figures.summary("accuracy", [1.0, *[0.0] * 30, *[0.5] * 20])
    assert found == {"best accuracy": 1.0, "median accuracy": 0.5}


def test_what_a_page_says_of_the_figures() -> None:
    course = [0.5, 1.0, *[0.75] * 18, 0.5, 0.75]
    latest = {figures.EVALUATED: 1200.0, figures.ACCURACY: 0.75, figures.STUDENT: 0.5}
    latest |= figures.summary(figures.ACCURACY, course) | figures.summary(figures.STUDENT, [0.5])
    averaged, student, worth = figures.sentences(latest)
    assert averaged == (
        "averaged weights: last 75.0 %, best 100.0 %, median of the last 20 75.0 %."
    )
    assert student == "student: last 50.0 %, best 50.0 %, median of the last 20 50.0 %."
    assert worth.startswith("On 1,200 images.") and "optimistic" in worth
    assert figures.sentences({"loss": 1.0}) == [], "a method that evaluates nothing as it goes"


@pytest.mark.parametrize("total", [500, 2000, 10_000, 2**20])
@pytest.mark.parametrize("holdout", [50, 300, 10_000])
@pytest.mark.parametrize("images_a_step", [32, 288])
def test_evaluations_are_enough_for_the_median_and_keep_to_their_share(
    total, holdout, images_a_step, make_run
) -> None:
    def evaluation() -> Evaluation:
        return Evaluation(
            holdout_of(holdout),
            make_run(),
            total=total,
            report_every=max(1, total // 100),
            images_a_step=images_a_step,
            evaluate=lambda weights, rows: torch.zeros(len(rows), 3),
        )

    found = evaluation()
    due = sum(found.due(done) for done in range(1, total + 1)) if total <= 10_000 else 51
    assert figures.LAST <= due <= 2 * figures.EVALUATIONS
    passes = 2 * due * len(found.rows)
    training = 3 * images_a_step * total
    assert passes <= figures.SHARE * training * (due / (due - 1)) or len(found.rows) == 50
    assert np.array_equal(found.rows, evaluation().rows), "the same part every time"
    assert np.isin(found.rows, np.arange(holdout)).all() and len(np.unique(found.rows)) == len(
        found.rows
    )


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("method", [FixMatch, LayerMatch, Supervised])
@pytest.mark.parametrize("classes", [(0, 1, 2), (0, 2), (1,)])
def test_one_label_a_class_an_empty_holdout_and_a_class_without_labels(
    method, classes, balanced, stripes, make_run
) -> None:
    task = stripes()
    chosen = [task.labelled[task.labels[task.labelled] == c][0] for c in classes]
    task = dataclasses.replace(
        task,
        labelled=np.array(sorted(chosen), dtype=np.int64),
        validation=np.zeros(0, dtype=np.int64),
    )
    sizes = {"steps": 4, "batch_size": 4}
    if method is not Supervised:
        sizes["unlabelled_ratio"] = 2
    reports = []
    run = make_run(report=lambda step, total, metrics: reports.append(metrics))
    options = {**sizes, "labelled_batches": "balanced" if balanced else "natural"}
    fitted = method(method.Config(**options)).fit(task, run)
    logits = fitted.logits(task.pixels, task.pool)
    assert logits.shape == (len(task.pool), 3) and bool(logits.isfinite().all())
    assert reports[-1][figures.EVALUATED] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "options"),
    [
        (FixMatch, {"alignment": "uniform"}),
        (FlexMatch, {}),
        (FlexMatch, {"alignment": "labelled", "reduction": "selected"}),
        (FreeMatch, {}),
        (SoftMatch, {}),
        (UDA, {"annealing": "linear"}),
        (PseudoLabel, {}),
    ],
)
def test_every_rule_survives_a_kill(method, options, kept, stripes, make_run) -> None:
    sizes = {**SIZES, "steps": 10}
    tau = {"tau": 0.4} if "tau" in method.Config.model_fields else {}
    config = method.Config(**sizes, **tau, **options)

    def weights(run):
        return method(config).fit(stripes(forbidden=[(0, 1)]), run).state

    undisturbed = weights(make_run("undisturbed"))
    left = iter(range(5))
    with pytest.raises(Stopped):
        weights(
            make_run("killed", checkpoint_seconds=0, should_stop=lambda: next(left, None) is None)
        )
    again = weights(make_run("again", after=("killed",)))
    assert all(torch.equal(again[name], value) for name, value in undisturbed.items())
    if "plain" not in kept:
        plain = FixMatch(FixMatchConfig(**sizes, tau=0.4))
        kept["plain"] = plain.fit(stripes(forbidden=[(0, 1)]), make_run("plain")).state
    assert any(not torch.equal(kept["plain"][name], each) for name, each in undisturbed.items())
