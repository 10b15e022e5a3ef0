"""FlexMatch: USB's numbers, its state, and the rounds that FixMatch's former option began."""

import pytest
import torch
import usb
from threshold_steps import C, N, assert_goes_on_from_its_state
from threshold_steps import assert_never_teaches_forbidden_classes as assert_never_forbidden

from sslapp.methods.flexmatch.method import FlexMatchConfig, objective
from sslapp.methods.threshold.objective import ThresholdObjective
from sslapp.training.rules.alignment.distribution import DistributionAlignment
from sslapp.training.rules.thresholds.confidence import FlexibleThreshold

CPU = torch.device("cpu")


def make(*, tau=0.95, classes=C, unlabelled=N, warm_up=True, alignment=None, **options):
    rule = FlexibleThreshold(tau, classes, unlabelled, CPU, warm_up=warm_up, dtype=torch.float64)
    return ThresholdObjective(FlexMatchConfig(tau=tau, **options), rule, alignment)


@pytest.mark.parametrize(
    ("name", "classes", "warm_up"), [("flexmatch", 5, True), ("flexmatch-no-warmup", 3, False)]
)
def test_losses_gradients_and_state_are_usbs_step_by_step(name, classes, warm_up):
    given = usb.entry(name)["config"]
    assert (given["thresh_warmup"], given["unlabelled_set_size"]) == (warm_up, 14)
    found = make(classes=classes, unlabelled=14, warm_up=warm_up)
    for losses, _, expected in usb.play(found, name):
        usb.close(losses.metrics["unlabelled loss"], expected["unsupervised"])
        rule = found.threshold
        assert rule.remembered.tolist() == expected["state"]["selected_label"]
        usb.close(rule.beta, expected["state"]["beta"])
        usb.close(rule.limits(), expected["state"]["next_threshold"])


def test_its_options_reach_its_rule(digits):
    task, _ = digits(40)
    made = objective(FlexMatchConfig(tau=0.4, threshold_warm_up=False), task, CPU)
    p = torch.eye(10)[[0, 0, 1]]
    made.threshold.update(p, torch.tensor([0, 1, 2]))
    assert len(made.threshold.remembered) == len(task.pool) + len(task.labelled)
    # 2 and 1 images of the two classes; that most have none plays no part
    assert made.threshold.beta.tolist() == [1, 0.5, *[0] * 8]
    assert made.threshold.limits()[0].item() == pytest.approx(0.4)
    made = objective(FlexMatchConfig(tau=0.4), task, CPU)
    made.threshold.update(p, torch.tensor([0, 1, 2]))
    none = len(task.pool) + len(task.labelled) - 3
    assert made.threshold.beta.tolist() == pytest.approx([2 / none, 1 / none, *[0] * 8])


def test_forbidden_classes_are_never_taught_or_remembered():
    found = make(lambda_c=0.0)
    assert_never_forbidden(found)
    assert 0 not in found.threshold.remembered.tolist()


def test_its_state_goes_on():
    target = torch.full((C,), 1 / C, dtype=torch.float64)
    assert_goes_on_from_its_state(
        lambda: make(tau=0.9, alignment=DistributionAlignment(target, 0.9))
    )


def test_a_checkpoint_holds_what_fixmatchs_option_kept_there(digits):
    made = objective(FlexMatchConfig(alignment="uniform"), digits(40)[0], CPU)
    assert list(made.state_dict()) == [
        "threshold.remembered",
        "threshold.beta",
        "alignment.average",
    ]
