"""Help for rare classes on the shared step: CReST's shares and logit adjustment."""

import dataclasses

import numpy as np
import pytest
import torch
from objectives import batch_of, step_of
from pydantic import ValidationError

from sslapp.methods.adamatch.config import AdaMatchConfig
from sslapp.methods.defixmatch.method import LABELLED_STRONG, DeFixMatchConfig, DeFixMatchObjective
from sslapp.methods.fixmatch.method import FixMatch, FixMatchConfig, FixMatchObjective
from sslapp.methods.registry import CARDS
from sslapp.methods.sequencematch.method import SequenceMatchConfig, SequenceMatchObjective
from sslapp.methods.threshold.config import ThresholdConfig
from sslapp.training.objective import LABELLED
from sslapp.training.rules.thresholds.confidence import FixedThreshold

CPU = torch.device("cpu")


@pytest.fixture
def uneven(digits):
    """Ten classes of which class c has 2 c + 1 labels."""
    task, truth = digits(400)
    chosen = [task.labelled[truth[task.labelled] == c][: 2 * c + 1] for c in range(10)]
    labelled = np.concatenate(chosen)
    rest = np.setdiff1d(task.labelled, labelled)
    return dataclasses.replace(task, labelled=labelled, pool=np.concatenate([task.pool, rest]))


def a_step(**logits):
    given = {name: rows.double().requires_grad_() for name, rows in logits.items()}
    given = {LABELLED: given.pop("labelled"), **given}
    labels = torch.arange(len(given[LABELLED])) % 10
    return step_of(given, batch_of(given, labels, classes=10))


def drawn(seed, count=10):
    return 3 * torch.randn(count, 10, generator=torch.Generator().manual_seed(seed))


def objective(task, **config):
    made = FixMatchObjective(FixMatchConfig(**config))
    made.begun(task, CPU)
    return made


def the_step():
    return a_step(labelled=drawn(1), weak=drawn(2), strong=drawn(3))


def test_a_pseudo_label_weighs_the_share_of_its_class(uneven):
    step = the_step()
    found = objective(uneven, tau=0.5, class_balance="crest").losses(step)
    q = torch.softmax(step.logits["weak"].detach(), dim=1)
    expected = 0.0
    for b in range(10):
        if q[b].max() >= 0.5:
            label = int(q[b].argmax())
            share = ((2 * (9 - label) + 1) / 19) ** (1 / 3)
            expected -= share * torch.log_softmax(step.logits["strong"][b], 0)[label] / 10
    assert found.metrics["unlabelled loss"].item() == pytest.approx(expected.item(), rel=1e-6)
    plain = objective(uneven, tau=0.5).losses(step)
    assert plain.metrics["unlabelled loss"] > found.metrics["unlabelled loss"]


def test_losses_are_of_adjusted_logits_and_pseudo_labels_of_plain_ones(uneven):
    step = the_step()
    found = objective(uneven, tau=0.5, logit_adjustment=2).losses(step)
    found.total.backward()
    pi = torch.tensor([2.0 * c + 2 for c in range(10)]).double() / (100 + 10)
    rows = {n: torch.log_softmax(z.detach() + 2 * pi.log(), 1) for n, z in step.logits.items()}
    labelled = -rows[LABELLED][torch.arange(10), torch.arange(10)].mean()
    q = torch.softmax(step.logits["weak"].detach(), dim=1)
    each = -rows["strong"][torch.arange(10), q.argmax(dim=1)]
    unlabelled = (each * (q.max(dim=1).values >= 0.5)).mean()
    assert found.metrics["labelled loss"].item() == pytest.approx(labelled.item(), abs=1e-5)
    assert found.metrics["unlabelled loss"].item() == pytest.approx(unlabelled.item(), abs=1e-5)
    assert step.logits["weak"].grad is None


def test_the_oracle_of_adjusted_training_is_met():
    made = FixMatchObjective(FixMatchConfig(logit_adjustment=1))
    pi = torch.tensor([0.5, 0.2, 0.05, 0.25], dtype=torch.float64)
    made.shift = pi.log()
    z = torch.tensor([[1, 0.5, 0, 0.2]], dtype=torch.float64)
    given = {LABELLED: z, "weak": z[:0], "strong": z[:0]}
    step = step_of(given, batch_of(given, torch.tensor([2]), classes=4))
    adjusted = made.adjusted(step).logits[LABELLED][0].tolist()
    assert adjusted == pytest.approx([0.306853, -1.109438, -2.995732, -1.186294], abs=1e-6)
    assert made.losses(step).total.item() == pytest.approx(3.710756, abs=1e-6)
    plain = FixMatchObjective(FixMatchConfig()).losses(step).total.item()
    assert plain == pytest.approx(1.885311, abs=1e-6)
    posterior = torch.softmax(z + made.shift, dim=1)
    balanced = torch.softmax(torch.log(torch.softmax(z, dim=1)) - made.shift, dim=1)
    assert posterior.argmax().item() == 0
    assert balanced[0].tolist() == pytest.approx([0.140969, 0.213754, 0.518594, 0.126683], abs=1e-6)


@pytest.mark.parametrize("option", [{"logit_adjustment": 1}, {"class_balance": "crest"}])
def test_what_defixmatch_subtracts_is_helped_as_what_it_is_subtracted_from(uneven, option):
    made = DeFixMatchObjective(DeFixMatchConfig(tau=0.5, **option))
    made.begun(uneven, CPU)
    weak, strong = drawn(1), drawn(2)
    views = {
        "labelled": weak,
        LABELLED_STRONG: strong,
        "weak": weak.clone(),
        "strong": strong.clone(),
    }
    found = made.losses(a_step(**views))
    assert found.total.item() == pytest.approx(found.metrics["labelled loss"].item(), abs=1e-5)


def test_what_counts_less_for_refixmatch_is_not_below_the_threshold(uneven):
    config = SequenceMatchConfig(tau=0.5, refixmatch=True, class_balance="crest")
    made = SequenceMatchObjective(config, FixedThreshold(0.5))
    made.begun(uneven, CPU)
    sure = torch.eye(10) * 9
    found = made.losses(a_step(labelled=drawn(1), weak=sure, medium=drawn(2), strong=drawn(3)))
    assert found.metrics["low confidence loss"] == 0
    assert 0 < found.metrics["mask rate"] < 1


@pytest.mark.parametrize(
    ("config", "options"),
    [(FixMatchConfig, {"alignment": "uniform"}), (AdaMatchConfig, {})],
)
def test_alignment_and_logit_adjustment_exclude_each_other(config, options):
    with pytest.raises(ValidationError, match="logit_adjustment does what alignment does already"):
        config(logit_adjustment=1, **options)
    assert config(logit_adjustment=0, **options)


def test_every_method_with_these_options_runs_the_shared_step():
    for name, card in CARDS.items():
        options = card.options.model_fields.keys() & {"class_balance", "logit_adjustment"}
        assert bool(options) == issubclass(card.options, ThresholdConfig), name


def test_a_training_knows_the_labels_of_its_task(uneven, make_run):
    config = {"steps": 3, "batch_size": 8, "unlabelled_ratio": 2, "lambda_u": 0}
    said = []
    for number, shift in enumerate((0, 1)):
        run = make_run(name=f"{number}", report=lambda *report: said.append(report[2]["loss"]))
        FixMatch(FixMatchConfig(**config, logit_adjustment=shift)).fit(uneven, run)
    assert said[0] != said[3], "the same weights and images at the first step"
