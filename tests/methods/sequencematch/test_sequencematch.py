"""SequenceMatch and ReFixMatch: the oracle, USB's numbers, gradients, forbidden classes, state."""

import pytest
import resuming
import torch
import usb
from objectives import batch_of, step_of
from torch.autograd import gradcheck

from sslapp.methods.sequencematch.method import (
    SequenceMatch,
    SequenceMatchConfig,
    SequenceMatchObjective,
)
from sslapp.training.objective import LABELLED
from sslapp.training.rules.divergences import kl_divergence
from sslapp.training.rules.thresholds.confidence import FixedThreshold, FlexibleThreshold

CPU = torch.device("cpu")
N, C = 6, 3


def fixed(**config):
    chosen = SequenceMatchConfig(threshold="fixed", **config)
    return SequenceMatchObjective(chosen, FixedThreshold(chosen.tau))


def flexible(**config):
    chosen = SequenceMatchConfig(**config)
    return SequenceMatchObjective(chosen, FlexibleThreshold(chosen.tau, C, 14, CPU))


def a_step(forbidden=None, seed=None, **logits):
    if seed is not None:
        generator = torch.Generator().manual_seed(seed)
        for name in ("weak", "medium", "strong"):
            logits[name] = 3 * torch.randn(N, C, generator=generator, dtype=torch.float64)
    given = {
        LABELLED: torch.zeros(1, C, dtype=torch.float64),
        **{name: torch.as_tensor(rows, dtype=torch.float64) for name, rows in logits.items()},
    }
    given = {name: rows.clone().requires_grad_() for name, rows in given.items()}
    return step_of(given, batch_of(given, forbidden=forbidden, classes=C))


def the_oracles_step():
    return a_step(
        weak=[[3, 0, 0], [1, 0, 0]], medium=[[4, 0, 0], [0, 1, 0]], strong=[[1, 0, 0], [0, 0, 1]]
    )


def test_the_oracle_is_met():
    step = the_oracles_step()
    chosen = fixed(tau=0.9)
    found = chosen.losses(step)
    assert found.metrics["unlabelled loss"].item() == pytest.approx(0.275722, abs=1e-6)
    assert found.metrics["chain loss"].item() == pytest.approx(
        0.010582 + 0.273040 + 0.260917, abs=2e-6
    )
    whole = found.total - found.metrics["labelled loss"]
    assert whole.item() == pytest.approx(0.820262, abs=1e-6)
    q = chosen.predictions(step)
    assert chosen.soft(q, step)[0].tolist() == pytest.approx([0.995067, 0.002467, 0.002467], 1e-3)
    assert fixed(variant="usb").soft(q, step)[0].tolist() == pytest.approx(
        [0.737919, 0.131040, 0.131040], abs=1e-6
    )


def test_the_medium_view_teaches_by_its_own_confidence_and_learns_from_the_weak_one():
    step = the_oracles_step()
    fixed(tau=0.9, lambda_u=1, lambda_c=0).losses(step).total.backward()
    assert step.logits["weak"].grad is None
    assert step.logits["medium"].grad[0].any() and not step.logits["medium"].grad[1].any()
    # both views of image 0 are sure, none of image 1 is
    assert step.logits["strong"].grad[0].any() and not step.logits["strong"].grad[1].any()


def test_usbs_numbers_are_met():
    chosen = flexible(variant="usb")
    for losses, _, expected in usb.play(chosen, "sequencematch"):
        usb.close(losses.metrics["labelled loss"], expected["supervised"])
        usb.close(losses.metrics["unlabelled loss"], expected["unsupervised"])
        usb.close(losses.metrics["chain loss"], expected["kl_terms_sum"])
        assert chosen.threshold.remembered.tolist() == expected["state"]["selected_label"]
        usb.close(chosen.threshold.beta, expected["state"]["beta"], 1e-6)


def test_usbs_refixmatch_is_met_without_the_chain():
    (found,) = usb.play(fixed(variant="usb", lambda_s=0, refixmatch=True), "refixmatch")
    losses, _, expected = found
    usb.close(losses.metrics["unlabelled loss"], expected["unsupervised"])
    usb.close(losses.metrics["low confidence loss"], expected["low_confidence_kl"])


def test_refixmatch_of_the_paper_sharpens_logits_and_leaves_the_student_alone():
    step = the_oracles_step()
    found = fixed(tau=0.9, lambda_s=0, refixmatch=True).losses(step)
    p = torch.softmax(torch.tensor([0.0, 0, 1], dtype=torch.float64), dim=0)
    t = torch.softmax(torch.tensor([2.0, 0, 0], dtype=torch.float64), dim=0)
    expected = (t * (t / p).log()).sum() / 2
    assert found.metrics["low confidence loss"].item() == pytest.approx(expected.item(), abs=1e-12)


@pytest.mark.parametrize("variant", ["paper", "usb"])
def test_forbidden_classes_are_0_in_every_target(variant):
    forbidden = torch.zeros(N, C, dtype=torch.bool)
    forbidden[:, 1] = True
    step = a_step(forbidden, seed=1)
    chosen = flexible(variant=variant, refixmatch=True)
    q = chosen.predictions(step)
    assert not chosen.soft(q, step)[:, 1].any()
    found = chosen.losses(step)
    found.total.backward()
    assert found.metrics["pseudo_labels"][1] == 0
    # d KL(t || p) / dz = p - t > 0 where t is 0
    assert (step.logits["medium"].grad[:, 1] >= 0).all()
    assert torch.isfinite(step.logits["strong"].grad).all()


def test_the_divergence_has_its_gradient_and_is_0_of_equals():
    targets = torch.tensor([[0.7, 0.3, 0.0], [0.2, 0.3, 0.5]], dtype=torch.float64)
    z = torch.tensor([[1.0, 0, 2], [0, 3, 1]], dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda logits: kl_divergence(targets, logits), z)
    assert kl_divergence(targets[1:], targets[1:].log()).item() == pytest.approx(0, abs=1e-12)


def test_without_the_chain_no_medium_view_is_asked_for():
    assert "medium" in flexible().views
    assert "medium" not in flexible(lambda_s=0).views


def test_the_state_survives_save_and_load():
    first, other = flexible(tau=0.8), flexible(tau=0.8)
    for seed in (1, 2):
        first.losses(a_step(seed=seed))
    other.load_state_dict({k: v.clone() for k, v in first.state_dict().items()})
    found = [each.losses(a_step(seed=3)).total.item() for each in (first, other)]
    assert found[0] == found[1]
    assert first.threshold.beta.any() and first.threshold.beta.equal(other.threshold.beta)


@pytest.mark.slow
def test_a_killed_training_goes_on_where_it_was(digits, tmp_path):
    config = SequenceMatchConfig(steps=6, batch_size=8, unlabelled_ratio=2, refixmatch=True)
    assert resuming.ends_the_same(SequenceMatch(config), digits(40)[0], tmp_path)
