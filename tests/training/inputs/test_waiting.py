"""A step asks the device for nothing: it would wait until everything before is computed.

On a CPU the same questions can be seen as the operations that read a value out of a tensor or make
a tensor whose size depends on values.
"""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sslapp.methods.registry import CARDS, method_class
from sslapp.training.configuration import ConsistencyConfig, TrainingConfig
from sslapp.training.loop import steps
from sslapp.training.run import Run
from sslapp.vocabulary import Gear

aten = torch.ops.aten
READS = {
    aten._local_scalar_dense,  # item(), tolist(), float(), bool(), if tensor
    aten.nonzero,
    aten.masked_select,
    aten.equal,
    aten.is_nonzero,
    aten._unique2,
    aten.unique_dim,
    aten.repeat_interleave,
    aten.bincount,
}
FROM = 2
"""The first steps may set things up."""

TRAINED = sorted(name for name, card in CARDS.items() if issubclass(card.options, TrainingConfig))


class Questions(TorchDispatchMode):
    """Collects the names of operations that would wait for a device."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        by_mask = function.overloadpacket is aten.index and any(
            each is not None and each.dtype == torch.bool for each in args[1]
        )
        if by_mask or function.overloadpacket in READS:
            self.asked.append(str(function))
        return function(*args, **(kwargs or {}))


def config_of(name):
    Config = CARDS[name].options
    sizes = {"steps": 12, "batch_size": 6}
    if issubclass(Config, ConsistencyConfig):
        # the other policies sort images by operation on the host, from draws of the host
        sizes |= {"unlabelled_ratio": 2, "augmentation": "smooth"}
    return Config(**sizes)


@pytest.fixture
def asked(monkeypatch):
    """What the steps of trainings asked since the test began."""
    found = []
    plain = steps.Loop.step

    def watched(self, number):
        if number < FROM:
            return plain(self, number)
        with Questions() as questions:
            metrics = plain(self, number)
        found.extend(questions.asked)
        return metrics

    monkeypatch.setattr(steps.Loop, "step", watched)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_no_step_reads_a_value(name, asked, stripes, make_run):
    method_class(name)(config_of(name)).fit(stripes(forbidden=[(0, 1)]), make_run())
    assert sorted(set(asked)) == []


def test_a_value_that_is_read_is_seen(asked, stripes, make_run, monkeypatch):
    update = steps.EMA.update

    def curious(self, step):
        update(self, step)
        if next(iter(self.parameters.values())).sum() > 0:
            self.decay *= 1

    monkeypatch.setattr(steps.EMA, "update", curious)
    method_class("fixmatch")(config_of("fixmatch")).fit(stripes(), make_run())
    assert set(asked) == {"aten._local_scalar_dense.default"}


@pytest.mark.needs("a CUDA device")
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", TRAINED)
def test_cuda_is_not_waited_for(name, stripes, tmp_path, monkeypatch):
    plain, strictly = steps.Loop.step, []

    def strict(self, number):
        if number < FROM:
            return plain(self, number)
        strictly.append(number)
        torch.cuda.set_sync_debug_mode("error")
        try:
            return plain(self, number)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(steps.Loop, "step", strict)
    run = Run(gear=Gear.PIXELS, device=torch.device("cuda"), seed=7, folder=tmp_path)
    method_class(name)(config_of(name)).fit(stripes(forbidden=[(0, 1)]), run)
    assert strictly
