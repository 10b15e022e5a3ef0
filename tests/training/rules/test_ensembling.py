"""Temporal ensembling's averages, at numbers that its authors' code computes."""

import pytest
import torch

from sslapp.training.rules.ensembling import TemporalEnsemble

CPU = torch.device("cpu")
ALL = torch.zeros(1, 2, dtype=torch.bool)
ROW = torch.tensor([0])


def ensemble(unlabelled=1, classes=2):
    return TemporalEnsemble(unlabelled, classes, 0.6, CPU, torch.float64)


def see(chosen, p, rows=ROW):
    chosen.see(torch.tensor(p, dtype=torch.float64), rows)


def test_three_epochs_of_the_oracle():
    chosen = ensemble()
    averages, targets = [], []
    for p in ([[0.8, 0.2]], [[0.6, 0.4]], [[0.1, 0.9]]):
        see(chosen, p)
        chosen.end_epoch()
        averages += chosen.average[0].tolist()
        targets += chosen.targets(ROW, ALL)[0][0].tolist()
    assert averages == pytest.approx([0.32, 0.08, 0.432, 0.208, 0.2992, 0.4848], abs=1e-9)
    expected = [0.8, 0.2, 0.675, 0.325, 0.2992 / 0.784, 0.4848 / 0.784]
    assert targets == pytest.approx(expected, abs=1e-9)
    assert targets[4:] == pytest.approx([0.381633, 0.618367], abs=1e-6)


def test_nothing_moves_before_the_epoch_ends():
    chosen = ensemble()
    see(chosen, [[0.8, 0.2]])
    assert not chosen.average.any()
    assert chosen.targets(ROW, ALL)[1].tolist() == [False]


def test_an_image_that_an_epoch_missed_keeps_its_target():
    chosen = ensemble(unlabelled=2)
    for rows in ([0, 1], [1]):
        see(chosen, [[0.9, 0.1]] * len(rows), torch.tensor(rows))
        chosen.end_epoch()
    targets, known = chosen.targets(torch.tensor([0, 1]), ALL.expand(2, 2))
    assert known.tolist() == [True, True]
    assert targets.flatten().tolist() == pytest.approx([0.9, 0.1] * 2)
    assert chosen.epochs.tolist() == [1, 2]


def test_of_an_image_twice_in_an_epoch_the_mean_counts():
    chosen = ensemble()
    see(chosen, [[0.8, 0.2], [0.4, 0.6]], torch.tensor([0, 0]))
    chosen.end_epoch()
    assert chosen.targets(ROW, ALL)[0][0].tolist() == pytest.approx([0.6, 0.4])
    assert chosen.epochs.tolist() == [1]


def test_a_class_that_is_ruled_out_later_is_no_part_of_what_is_read():
    chosen = ensemble(classes=3)
    see(chosen, [[0.5, 0.3, 0.2]])
    chosen.end_epoch()
    targets, known = chosen.targets(ROW, torch.tensor([[True, False, False]]))
    assert targets[0].tolist() == pytest.approx([0, 0.6, 0.4])
    see(chosen, [[1.0, 0.0, 0.0]])
    only = ensemble(classes=3)
    see(only, [[1.0, 0.0, 0.0]])
    only.end_epoch()
    targets, known = only.targets(ROW, torch.tensor([[True, False, False]]))
    assert not known.any()
    assert not targets.any()
