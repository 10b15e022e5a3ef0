"""The linear head of the features gear: where it starts, and what it leaves alone."""

import torch

from models.feature_head import FeatureHead


def test_it_starts_at_zero_and_draws_nothing():
    torch.manual_seed(4)
    before = torch.get_rng_state()
    head = FeatureHead(num_classes=3, num_inputs=7)
    assert torch.equal(torch.get_rng_state(), before)
    logits = head(torch.randn(5, 7))
    assert logits.shape == (5, 3)
    assert not logits.any()


def test_it_is_linear_and_every_parameter_learns():
    head = FeatureHead(3, 7)
    x = torch.randn(5, 7, generator=torch.Generator().manual_seed(1))
    head(x).logsumexp(dim=1).sum().backward()
    assert all((p.grad != 0).all() for p in head.parameters())
    assert {name for name, _ in head.named_parameters()} == {"head.weight", "head.bias"}
