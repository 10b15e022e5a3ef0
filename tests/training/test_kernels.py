"""Compiled kernels: the same network, other rounding, the same bits each time."""

import shutil

import pytest
import torch

import models
from sslapp.methods.fixmatch.method import FixMatch, FixMatchConfig
from sslapp.training import kernels
from sslapp.training.run import Stopped

CONFIG = FixMatchConfig(steps=6, batch_size=6, unlabelled_ratio=2, tau=0.5)

compiles = pytest.mark.skipif(
    shutil.which("g++") is None and shutil.which("clang++") is None, reason="needs a C++ compiler"
)


def made(name="small-cnn"):
    torch.manual_seed(0)
    return models.NETWORKS[name](3, 1, 8)


def test_eager_is_the_network_itself():
    network = made()
    assert kernels.stepping(network, "eager") is network


@pytest.mark.slow
def test_a_compiled_network_shares_all_parameters_and_leaves_the_first_as_it_was():
    network = made()
    called = kernels.stepping(network, "compile")
    assert called is not network
    for name, parameter in network.named_parameters():
        assert dict(called.named_parameters())[name] is parameter
    for name, buffer in network.named_buffers():
        assert dict(called.named_buffers())[name] is buffer
    assert "features" not in vars(network), "evaluation calls what was written"
    assert called.features is not network.features


@pytest.mark.slow
@pytest.mark.needs("a C++ compiler")
@pytest.mark.timeout(300)
@compiles
def test_compiled_trainings_agree_with_each_other_and_nearly_with_eager(stripes, make_run):
    torch._dynamo.reset()
    task = stripes()

    def weights(name, **options):
        run = make_run(name, dtype=torch.float32, **options)
        return FixMatch(CONFIG).fit(task, run).state

    eager = weights("eager")
    compiled = weights("compiled", kernels="compile")
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0, "nothing was compiled"
    for name in eager:
        torch.testing.assert_close(compiled[name], eager[name], rtol=1e-3, atol=1e-4)

    left = iter(range(3))
    with pytest.raises(Stopped):
        weights(
            "killed",
            kernels="compile",
            checkpoint_seconds=0,
            should_stop=lambda: next(left, None) is None,
        )
    again = weights("again", kernels="compile", after=("killed",))
    assert all(torch.equal(again[name], compiled[name]) for name in again)
