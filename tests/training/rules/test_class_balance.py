"""CReST's shares against the hand computed ones."""

import pytest
import torch

from sslapp.training.rules.class_balance import label_counts, selected_shares


def test_the_rarest_class_keeps_all_by_true_counts_in_any_order():
    shares = selected_shares(torch.tensor([50, 20, 5, 25]))
    assert shares.tolist() == pytest.approx([0.464159, 0.793701, 1, 0.736806], abs=1e-6)
    picked = torch.floor(shares * torch.tensor([30, 12, 3, 16]))
    assert picked.tolist() == [13, 9, 3, 11]
    turned = selected_shares(torch.tensor([5, 25, 50, 20]))
    assert turned.tolist() == pytest.approx(shares[[2, 3, 0, 1]].tolist())


def test_equal_classes_share_and_one_without_a_label_takes_nothing_from_the_others():
    assert selected_shares(torch.tensor([7, 7, 7])).tolist() == [1, 1, 1]
    # ranks 10, 10, 5: shares (5/10)^(1/3), 1 and 1, of which the two commonest have the mean
    half = (1 + 0.5 ** (1 / 3)) / 2
    assert selected_shares(torch.tensor([10, 5, 10])).tolist() == pytest.approx([half, 1, half])
    none = selected_shares(torch.tensor([8, 0]))
    assert none.tolist() == pytest.approx([0.5, 1])


def test_labels_of_the_labelled_images_alone_are_counted(stripes):
    task = stripes()
    expected = [int((task.labels[task.labelled] == c).sum()) for c in range(3)]
    assert label_counts(task).tolist() == expected
