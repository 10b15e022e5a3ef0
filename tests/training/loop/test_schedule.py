"""Schedules, averages and parameter groups against values computed by hand."""

import pytest
import torch
from torch import nn

from models import NETWORKS
from sslapp.training import networks
from sslapp.training.loop import optimiser, schedule
from sslapp.training.rules.ema import EMA


def test_the_learning_rate_follows_seven_sixteenths_of_a_cosine():
    assert schedule.cosine(0, 1000) == 1
    assert schedule.cosine(500, 1000) == pytest.approx(0.7730105, abs=1e-7)
    assert schedule.cosine(1000, 1000) == pytest.approx(0.1950903, abs=1e-7)


def test_a_warm_up_rises_from_zero_to_the_full_rate():
    assert schedule.cosine(0, 1000, warm_up=100) == 0
    assert schedule.cosine(50, 1000, warm_up=100) == 0.5
    assert schedule.cosine(100, 1000, warm_up=100) == 1
    assert schedule.cosine(1000, 1000, warm_up=100) == pytest.approx(0.1950903, abs=1e-7)


def test_the_first_update_copies_the_student_and_later_ones_average():
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    ema = EMA(network, 0.999)
    nn.init.constant_(network.weight, 5)
    ema.update(0)
    assert ema.parameters["weight"].item() == 5
    nn.init.constant_(network.weight, 1)
    ema.update(1)
    assert ema.parameters["weight"].item() == 3, "m_1 = 1 - 1/2"


def test_a_late_update_moves_by_one_minus_the_decay():
    network = nn.Linear(1, 1, bias=False)
    nn.init.ones_(network.weight)
    ema = EMA(network, 0.999)
    nn.init.zeros_(network.weight)
    ema.update(100_000)
    assert ema.parameters["weight"].item() == pytest.approx(0.999, abs=1e-7)


def test_running_statistics_are_copied_not_averaged():
    network = nn.Sequential(nn.BatchNorm2d(2))
    ema = EMA(network, 0.9)
    network(torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(0)))
    ema.update(1000)
    assert torch.equal(ema.state()["0.running_mean"], network[0].running_mean)
    assert ema.state()["0.num_batches_tracked"] == 1


def test_averages_forget_the_start_within_a_short_run():
    for total in (500, 1000, 5000):
        assert (1 - 1 / schedule.memory(total)) ** total < 1e-4
    assert schedule.memory(2**20) == 1000, "the field's values for long runs"
    network = NETWORKS["small-cnn"](3, 1, 8)
    networks.remember(network, 50)
    assert {m.momentum for m in network.modules() if isinstance(m, nn.BatchNorm2d)} == {0.02}


def test_only_kernels_and_matrices_decay():
    network = NETWORKS["wrn-28-2"](10, 3, 32)
    network.head.bias.requires_grad_(False)
    decaying, free = optimiser.parameter_groups(network, 5e-4)
    assert (decaying["weight_decay"], free["weight_decay"]) == (5e-4, 0)
    assert all(p.ndim > 1 for p in decaying["params"])
    assert all(p.ndim <= 1 for p in free["params"])
    listed = [id(p) for p in decaying["params"] + free["params"]]
    trainable = {id(p) for p in network.parameters() if p.requires_grad}
    assert len(listed) == len(set(listed)) and set(listed) == trainable
