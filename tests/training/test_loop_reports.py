"""What a training reports as it goes: means over the steps since the last report."""

import pytest
import torch

from sslapp.methods.cards import LayerMatchConfig
from sslapp.methods.fixmatch import FixMatch, FixMatchConfig
from sslapp.methods.layermatch import LayerMatch
from sslapp.training.loop import LONGEST_VECTOR, reported
from sslapp.training.objective import class_counts

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
