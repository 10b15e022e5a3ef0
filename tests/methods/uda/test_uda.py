"""UDA: USB's numbers, what it does otherwise than USB, and signal annealing."""

import numpy as np
import pytest
import torch
import usb
from threshold_steps import B, C, N, random_step
from threshold_steps import assert_never_teaches_forbidden_classes as assert_never_forbidden

from sslapp.methods.uda.method import UDAConfig, UDAObjective, limit
from sslapp.training.objective import LABELLED


@pytest.mark.parametrize("annealing", ["none", "linear", "log", "exp"])
def test_losses_and_gradients_are_usbs(annealing):
    name = "uda" if annealing == "none" else f"uda-tsa-{annealing}"
    found = UDAObjective(UDAConfig(variant="usb", annealing=annealing))
    for losses, _, expected in usb.play(found, name):
        usb.close(losses.metrics["labelled loss"], expected["supervised"])
        usb.close(losses.metrics["unlabelled loss"], expected["unsupervised"])
        if annealing != "none":
            usb.close(limit(annealing, 0.6, C), expected["tsa_threshold"])


def test_without_sharpening_and_annealing_it_is_usbs_fixmatch_with_soft_labels():
    found = UDAObjective(UDAConfig(variant="usb", tau=0.95))
    for losses, _, expected in usb.play(found, "fixmatch-soft"):
        usb.close(losses.metrics["unlabelled loss"], expected["unsupervised"])


@pytest.mark.parametrize(
    ("annealing", "more"), [("none", 0.1312), ("linear", 1.2048), ("log", 0.1260), ("exp", 1.9381)]
)
def test_the_papers_loss_is_usbs_and_as_much_more_as_is_known(annealing, more):
    name = "uda" if annealing == "none" else f"uda-tsa-{annealing}"
    given = usb.entry(name)["inputs"]["steps"][0]["logits"]
    logits = {
        LABELLED if view == "labelled" else view: torch.tensor(rows, dtype=torch.float64)
        for view, rows in given.items()
    }
    labels = torch.tensor(usb.entry(name)["inputs"]["labels"])
    totals = []
    for variant in ("paper", "usb"):
        found = UDAObjective(UDAConfig(variant=variant, annealing=annealing))
        step = random_step(number=60, total=100, labels=labels, **logits)
        totals.append(found.losses(step).total.item())
    assert totals[0] - totals[1] == pytest.approx(more, abs=6e-5)


@pytest.mark.parametrize(
    ("annealing", "halfway", "end"),
    [("linear", 0.55, 1), ("log", 0.9261235, 0.9939358), ("exp", 0.1738765, 1)],
)
def test_the_limits_are_the_hand_computed_ones(annealing, halfway, end):
    assert limit(annealing, 0.5, 10) == pytest.approx(halfway, abs=1e-7)
    assert limit(annealing, 1.0, 10) == pytest.approx(end, abs=1e-7)
    if annealing != "exp":
        assert limit(annealing, 0.0, 10) == pytest.approx(0.1)


def test_temperature_changes_the_soft_label_and_not_what_counts():
    losses = [
        UDAObjective(UDAConfig(temperature=each)).losses(random_step()) for each in (1.0, 0.4)
    ]
    one, other = (each.metrics["unlabelled loss"].item() for each in losses)
    assert abs(one - other) > 1e-3
    rates = [each.metrics["mask rate"].item() for each in losses]
    assert rates[0] == rates[1] and 0 < rates[0] < 1
    q = torch.tensor([[0.8, 0.2]], dtype=torch.float64)
    soft = UDAObjective(UDAConfig()).targets(q)
    np.testing.assert_allclose(soft, [[0.9696970, 0.0303030]], atol=1e-7)


def test_annealing_asks_for_the_labels_probability_and_divides_by_those_kept():
    # p of the label: .9, .9, .05, .05; at t = .5 of two classes eta is .75
    p = torch.tensor([[0.9, 0.1], [0.1, 0.9], [0.95, 0.05], [0.05, 0.95]], dtype=torch.float64)
    labels = torch.tensor([0, 1, 1, 0])
    given = {LABELLED: p.log(), "weak": p.log()[:0], "strong": p.log()[:0]}
    step = random_step(classes=2, number=5, total=10, labels=labels, **given)
    paper = UDAObjective(UDAConfig(annealing="linear")).losses(step)
    assert paper.total.item() == pytest.approx(-np.log(0.05))
    usbs = UDAObjective(UDAConfig(annealing="linear", variant="usb")).losses(step)
    assert usbs.total.item() == 0, "it is sure of all of them, of two in vain"


def test_with_every_labelled_image_left_out_the_loss_is_0_and_finite():
    sure = 9 * torch.eye(C, dtype=torch.float64)[torch.arange(B) % C]
    step = random_step(**{LABELLED: sure}, number=0)
    losses = UDAObjective(UDAConfig(annealing="exp", lambda_u=0)).losses(step)
    losses.total.backward()
    assert losses.total.item() == 0
    assert torch.equal(step.logits[LABELLED].grad, torch.zeros(B, C, dtype=torch.float64))


@pytest.mark.parametrize("variant", ["paper", "usb"])
def test_forbidden_classes_have_no_part_in_soft_labels(variant):
    found = UDAObjective(UDAConfig(variant=variant, lambda_c=0.0))
    assert_never_forbidden(found)
    forbidden = torch.zeros(N, C, dtype=torch.bool)
    forbidden[:, 1] = True
    q = found.predictions(random_step(forbidden=forbidden))
    soft = found.targets(q)
    assert torch.equal(soft[:, 1], torch.zeros(N, dtype=torch.float64))
    np.testing.assert_allclose(soft.sum(dim=1), 1, rtol=1e-12)
