"""Mixing, sharpening, turning and the alignments that go with them."""

import pytest
import torch

from sslapp.training.rules.alignment.distribution import DistributionAlignment
from sslapp.training.rules.mixing import Mix, drawing
from sslapp.training.rules.rotations import drawn_turns, rotated
from sslapp.training.rules.sharpening import sharpened

CPU = torch.device("cpu")


def double(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [(0.5, [0.9411765, 0.0588235]), (0.4, [0.9696970, 0.0303030]), (1, [0.8, 0.2])],
)
def test_sharpening_of_the_oracle(temperature, expected):
    assert sharpened(double([0.8, 0.2]), temperature)[0].tolist() == pytest.approx(
        expected, abs=1e-7
    )


def test_sharpening_keeps_zeros():
    assert sharpened(double([0.0, 0.7, 0.3]), 0.5)[0, 0] == 0


@pytest.mark.parametrize("per_image", [True, False])
def test_the_greater_part_is_the_images_own_and_labels_stay_distributions(per_image):
    draw = drawing(0.75, CPU, per_image=per_image)
    mix = draw(40, generator())
    assert torch.all(mix.weights >= 0.5)
    assert len(mix.weights) == (40 if per_image else 1)
    assert mix.weights.unique().numel() == len(mix.weights)
    assert sorted(mix.partners.tolist()) == list(range(40))
    labels = torch.softmax(torch.randn(40, 3, generator=generator(1)), dim=1)
    assert torch.allclose(mix(labels).sum(dim=1), torch.ones(40))
    again = draw(40, generator())
    assert again.weights.equal(mix.weights)
    assert again.partners.equal(mix.partners)
    assert not draw(40, generator(1)).weights.equal(mix.weights)


def test_a_weight_of_one_or_oneself_as_partner_changes_nothing():
    values = torch.randn(5, 1, 2, 2, generator=generator())
    others = torch.tensor([1, 2, 3, 4, 0])
    assert Mix(torch.ones(1), others)(values).equal(values)
    assert torch.allclose(Mix(torch.full((5,), 0.6), torch.arange(5))(values), values)


def test_a_mixture_of_the_oracle():
    mix = Mix(double(0.7), torch.tensor([1, 0]))
    mixed = mix(double([1.0, 0.0], [0.123288, 0.876712]))
    assert mixed[0].tolist() == pytest.approx([0.736987, 0.263013], abs=1e-6)


def recent(target, latest):
    return DistributionAlignment(target, latest=latest, moves_first=False)


def from_first(target, momentum):
    return DistributionAlignment(target, momentum, from_first=True)


def test_alignment_of_the_oracle():
    alignment = recent(double(0.5, 0.5), 1)
    alignment(double([0.8, 0.2]))
    assert alignment.average.tolist() == [0.8, 0.2]
    aligned = alignment(double([0.6, 0.4]))
    assert aligned[0].tolist() == pytest.approx([0.272728, 0.727272], abs=1e-6)
    assert alignment.average.tolist() == [0.6, 0.4], "after use, and without the alignment"
    assert sharpened(aligned, 0.5)[0].tolist() == pytest.approx([0.123288, 0.876712], abs=1e-6)


def test_the_buffer_of_the_oracle_and_its_state():
    alignment = recent(double(0.5, 0.5), 128)
    alignment(double([0.9, 0.1]))
    assert alignment.average.tolist() == pytest.approx([0.503125, 0.496875], abs=1e-12)
    other = recent(double(0.5, 0.5), 128)
    other.load_state_dict(alignment.state_dict())
    given = double([0.3, 0.7], [0.2, 0.8])
    assert other(given).equal(alignment(given))
    assert other.average.equal(alignment.average)


def test_usbs_average_begins_with_the_first_batch():
    alignment = from_first(double(0.5, 0.5), 0.9)
    alignment(double([0.8, 0.2]))
    assert alignment.average.tolist() == pytest.approx([0.8, 0.2])
    other = from_first(double(0.5, 0.5), 0.9)
    other.load_state_dict(alignment.state_dict())
    for each in (alignment, other):
        each(double([0.4, 0.6]))
        assert each.average.tolist() == pytest.approx([0.76, 0.24])


@pytest.mark.parametrize("made", [lambda p: recent(p, 3), lambda p: from_first(p, 0.9)])
def test_alignment_keeps_zeros_and_an_empty_batch_moves_nothing(made):
    alignment = made(double(0.5, 0.25, 0.25))
    assert alignment(double([0.0, 0.5, 0.5]))[0, 0] == 0
    before = alignment.average
    alignment(torch.zeros(0, 3, dtype=torch.float64))
    assert alignment.average.equal(before)


def test_turns_are_counter_clockwise_and_four_of_them_none():
    image = torch.tensor([[[[1, 2], [3, 4]]]])
    turned = rotated(image.expand(4, 1, 2, 2), torch.arange(4))
    assert turned[1].flatten().tolist() == [2, 4, 1, 3]
    assert turned[0].equal(image[0])
    found = image
    for _ in range(4):
        found = rotated(found, torch.tensor([1]))
    assert found.equal(image)
    turns = drawn_turns(torch.zeros(400, 1), generator())
    assert turns.bincount().min() > 70
