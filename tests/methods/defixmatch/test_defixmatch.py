"""DeFixMatch: the oracle, USB's numbers, that equal images cancel, and what it never teaches."""

import pytest
import resuming
import torch
import usb
from objectives import batch_of, step_of

from sslapp.methods.defixmatch.method import (
    LABELLED_STRONG,
    DeFixMatch,
    DeFixMatchConfig,
    DeFixMatchObjective,
)
from sslapp.training.objective import LABELLED

AS_IF = "labelled loss as if unlabelled"


def a_step(labels, forbidden=None, **logits):
    names = {"labelled": LABELLED, "labelled_strong": LABELLED_STRONG}
    given = {
        names.get(name, name): torch.tensor(rows, dtype=torch.float64, requires_grad=True)
        for name, rows in logits.items()
    }
    classes = given[LABELLED].shape[1]
    return step_of(given, batch_of(given, torch.tensor(labels), forbidden, classes=classes))


def test_the_oracle_is_met():
    step = a_step(
        [0, 1],
        labelled=[[3.0, 0], [0, 1]],
        labelled_strong=[[1.0, 0], [0, 2]],
        weak=[[4.0, 0], [0, 0.5], [0, 3.5]],
        strong=[[1.0, 0], [0, 1], [2, 0]],
    )
    found = DeFixMatchObjective(DeFixMatchConfig()).losses(step)
    found.total.backward()
    assert found.metrics["mask rate"].item() == pytest.approx(2 / 3)
    assert found.metrics["labelled loss"].item() == pytest.approx(0.200510, abs=1e-6)
    assert found.metrics["unlabelled loss"].item() == pytest.approx(0.813397, abs=1e-6)
    assert found.metrics[AS_IF].item() == pytest.approx(0.156631, abs=1e-6)
    assert found.total.item() == pytest.approx(0.528893, abs=1e-6)
    expected = torch.tensor([[0, 0], [0.029801, -0.029801]], dtype=torch.float64)
    assert torch.allclose(step.logits[LABELLED_STRONG].grad, expected, atol=1e-6)
    assert step.logits["weak"].grad is None


def test_usbs_numbers_are_met():
    (found,) = usb.play(DeFixMatchObjective(DeFixMatchConfig()), "defixmatch")
    losses, _, expected = found
    usb.close(losses.metrics["labelled loss"], expected["supervised"])
    usb.close(losses.metrics["unlabelled loss"], expected["unsupervised"])
    usb.close(losses.metrics[AS_IF], expected["anti_unsupervised"])


def test_the_same_images_labelled_and_unlabelled_cancel():
    weak, strong = [[3.0, 0, 1], [0, 4, 0]], [[0.5, 0, 0], [1, 0, 2]]
    step = a_step([2, 0], labelled=weak, labelled_strong=strong, weak=weak, strong=strong)
    found = DeFixMatchObjective(DeFixMatchConfig(tau=0.5, lambda_u=0.8)).losses(step)
    assert found.metrics["unlabelled loss"] > 0
    assert found.total.item() == pytest.approx(found.metrics["labelled loss"].item(), abs=1e-12)


def test_forbidden_classes_are_never_targets():
    weak = [[5.0, 4, -5], [5, 0, 4]]
    forbidden = torch.tensor([[True, False, False]] * 2)
    step = a_step(
        [0, 1], forbidden, labelled=weak, labelled_strong=weak, weak=weak, strong=[[0.0, 0, 0]] * 2
    )
    found = DeFixMatchObjective(DeFixMatchConfig(tau=0.5)).losses(step)
    assert found.metrics["pseudo_labels"].tolist() == [0, 1, 1]


def test_a_killed_training_goes_on_where_it_was(digits, tmp_path):
    config = DeFixMatchConfig(steps=4, batch_size=8, unlabelled_ratio=2)
    assert resuming.ends_the_same(DeFixMatch(config), digits(40)[0], tmp_path, after=2)
