"""Dash: the bound's course, its three variants, USB's numbers and the state."""

import math

import pytest
import resuming
import torch
import usb
from objectives import batch_of, step_of

from sslapp.methods.dash.method import Dash, DashConfig, DashObjective
from sslapp.training.objective import LABELLED

B, N, C = 4, 6, 3
CPU = torch.device("cpu")


def objective(total=100, **config):
    return DashObjective(DashConfig(**config), total, CPU, torch.float64)


def a_step(number, forbidden=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = {
        name: (3 * torch.randn(size, C, generator=generator, dtype=torch.float64)).requires_grad_()
        for name, size in ((LABELLED, B), ("weak", N), ("strong", N))
    }
    batch = batch_of(logits, torch.arange(B) % C, forbidden, classes=C)
    return step_of(logits, batch, number=number, total=100)


def test_the_bound_falls_to_its_floor():
    rule = objective(first_stage=0, rho_first=1, drop_every=3).rule
    found = {}
    for drops in (0, 1, 2, 5, 12, 13):
        rule.move(3 * drops + 2)
        found[drops] = rule.rho.item()
    expected = {0: 1.0001, 1: 0.7874803, 2: 0.6200632, 5: 0.3027086, 12: 0.0568066, 13: 0.05}
    assert found == pytest.approx(expected, abs=1e-7)


def test_pseudo_labels_are_soft_until_the_floor():
    rule = objective(first_stage=0, rho_first=1, drop_every=1).rule
    p = torch.tensor([[0.8, 0.2, 0.0]], dtype=torch.float64)
    rule.move(12)
    assert rule.targets(p)[0].tolist() == pytest.approx([0.9411765, 0.0588235, 0], abs=1e-7)
    rule.move(13)
    assert rule.targets(p)[0].tolist() == [1, 0, 0]


def test_at_the_floor_it_is_a_confidence():
    rule = objective(first_stage=0, rho_first=0.05, variant="official").rule
    rule.move(50)
    least = math.exp(-0.05)
    p = torch.tensor([[least + 1e-9, 1 - least], [least - 1e-9, 1 - least]], dtype=torch.float64)
    assert least == pytest.approx(0.9512294, abs=1e-7)
    assert rule.mask(p).tolist() == [True, False]


def test_soft_pseudo_labels_are_tested_as_such_by_usb_alone():
    p = torch.tensor([[0.7, 0.15, 0.15]], dtype=torch.float64)  # -log .7 = .357, H(t, p) = .484
    found = {}
    for variant in ("paper", "official", "usb"):
        rule = objective(first_stage=0, rho_first=0.4, variant=variant).rule
        rule.move(0)
        found[variant] = rule.mask(p).item()
    assert found == {"paper": True, "official": True, "usb": False}


@pytest.mark.parametrize(("variant", "used"), [("paper", 0), ("official", 1), ("usb", 0)])
def test_the_first_stage_measures_in_its_second_half(variant, used):
    chosen = objective(variant=variant)  # 10 of 100 steps
    for number in range(10):
        found = chosen.losses(a_step(number, seed=number))
        assert found.metrics["mask rate"] == used
    chosen.losses(a_step(10))
    means = []
    for number in range(5, 10):
        logits = a_step(number, seed=number).logits
        rows = {name: torch.log_softmax(z, dim=1) for name, z in logits.items()}
        if variant == "official":
            targets = torch.softmax(logits["weak"] / 0.5, dim=1)
            means.append(-(targets * rows["strong"]).sum(dim=1).mean().item())
        else:
            means.append(-rows[LABELLED][torch.arange(B), torch.arange(B) % C].mean().item())
    constant = 1 if variant == "official" else 1.0001
    expected = max(0.05, constant * sum(means) / 5)
    assert chosen.rule.rho.item() == pytest.approx(expected, abs=1e-12)


def test_the_authors_code_divides_by_those_that_count():
    step = a_step(50)
    found = objective(variant="official", first_stage=0, rho_first=0.3).losses(step)
    q, rows = (torch.softmax(step.logits["weak"], 1), torch.log_softmax(step.logits["strong"], 1))
    mask = -torch.log(q.max(dim=1).values) <= 0.05
    assert 0 < mask.sum() < N
    expected = 0.9 * -rows[mask, q.argmax(dim=1)[mask]].mean()
    assert found.metrics["unlabelled loss"].item() == pytest.approx(expected.item(), abs=1e-12)


def test_usbs_numbers_are_met():
    options = {"variant": "usb", "first_stage": 0, "drop_every": 10}
    chosen = objective(rho_first=usb.entry("dash")["config"]["rho_init"], **options)
    for losses, _, expected in usb.play(chosen, "dash"):
        usb.close(losses.metrics["labelled loss"], expected["supervised"])
        usb.close(losses.metrics["unlabelled loss"], expected["unsupervised"])
        usb.close(losses.metrics["mask rate"], sum(expected["mask"]) / 12, 1e-6)
        usb.close(chosen.rule.rho, expected["state"]["rho"])
        assert (chosen.rule.rho <= 0.05).item() is expected["state"]["hard_label"]


def test_forbidden_classes_have_no_part_in_a_target():
    forbidden = torch.zeros(N, C, dtype=torch.bool)
    forbidden[:, 0] = True
    chosen = objective(first_stage=0, rho_first=0.5)
    step = a_step(0, forbidden)
    chosen.losses(step).total.backward()
    assert not chosen.targets(chosen.predictions(step))[:, 0].any()
    assert torch.isfinite(step.logits["strong"].grad).all()


def test_the_state_survives_save_and_load():
    first, other = objective(), objective()
    for number in (6, 7):
        first.losses(a_step(number, seed=number))
    other.load_state_dict({k: v.clone() for k, v in first.state_dict().items()})
    found = [each.losses(a_step(11)).total.item() for each in (first, other)]
    assert found[0] == found[1]
    assert first.rule.rho == other.rule.rho


@pytest.mark.slow
def test_a_killed_training_goes_on_where_it_was(digits, tmp_path):
    config = DashConfig(steps=6, batch_size=8, unlabelled_ratio=2, first_stage=0.7)
    assert resuming.ends_the_same(Dash(config), digits(40)[0], tmp_path)
