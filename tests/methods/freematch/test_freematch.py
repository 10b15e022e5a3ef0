"""FreeMatch: USB's numbers, the fairness loss's weight, and its state."""

import pytest
import torch
import usb
from threshold_steps import C, assert_goes_on_from_its_state, random_step
from threshold_steps import assert_never_teaches_forbidden_classes as assert_never_forbidden

from sslapp.methods.freematch.method import FreeMatchConfig, FreeMatchObjective, objective
from sslapp.training.rules.thresholds.confidence import SelfAdaptiveThreshold

CPU = torch.device("cpu")


def make(*, classes=C, momentum=0.5, **options):
    rule = SelfAdaptiveThreshold(momentum, classes, CPU, dtype=torch.float64)
    return FreeMatchObjective(FreeMatchConfig(**options), rule)


def test_losses_gradients_and_state_are_usbs_step_by_step():
    given = usb.entry("freematch")["config"]
    found = make(classes=5, momentum=given["ema_p"], lambda_f=given["ent_loss_ratio"])
    for losses, _, expected in usb.play(found, "freematch"):
        usb.close(losses.metrics["unlabelled loss"], expected["unsupervised"])
        usb.close(losses.metrics["fairness loss"], expected["fairness"])
        rule, state = found.threshold, expected["state"]
        usb.close(rule.tau, state["tau"])
        usb.close(rule.share, state["p_model"])
        usb.close(rule.predicted, state["label_hist"])
        usb.close(rule.limits(), state["threshold"])


def test_the_fairness_loss_is_added_with_its_weight():
    with_it, without = (make(lambda_f=each).losses(random_step()) for each in (0.5, 0.0))
    fairness = with_it.metrics["fairness loss"]
    assert fairness < 0
    assert with_it.total.item() == pytest.approx((without.total + 0.5 * fairness).item(), rel=1e-9)
    assert "fairness loss" not in without.metrics
    assert FreeMatchConfig().lambda_f == 0.01


def test_forbidden_classes_are_never_taught():
    found = make(lambda_c=0.0, lambda_f=0.0)
    assert_never_forbidden(found)
    assert found.threshold.share[0] < 1 / C, "what is ruled out has no part in the averages"


def test_its_state_goes_on():
    assert_goes_on_from_its_state(make)


def test_its_averages_remember_a_tenth_of_the_run_or_as_long_as_is_asked(digits):
    task, _ = digits(40)
    p = torch.full((4, 10), 0.1 / 9)
    p[:, 3] = 0.9
    for asked, expected in (({}, 0.1 + 0.8 / 50), ({"momentum": 0.999}, 0.1 + 0.8 / 1000)):
        made = objective(FreeMatchConfig(steps=500, **asked), task, CPU)
        made.threshold.select(p, torch.arange(4))
        assert made.threshold.tau.item() == pytest.approx(expected)


def test_a_checkpoint_holds_what_fixmatchs_option_kept_there(digits):
    made = objective(FreeMatchConfig(alignment="labelled"), digits(40)[0], CPU)
    assert list(made.state_dict()) == [
        *("threshold.tau", "threshold.share", "threshold.predicted"),
        "alignment.average",
    ]
