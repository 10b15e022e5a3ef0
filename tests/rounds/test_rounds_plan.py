"""What a plan decides, what may not change under a started round, and what it sets."""

import pytest
import torch

from sslapp.rounds import plan
from sslapp.rounds.plan import LONG, apply_plan, as_planned, differences, make_plan


@pytest.fixture
def restored():
    """Puts back what apply_plan sets for the whole process."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.deterministic = False
    torch.backends.cudnn.benchmark = False


@pytest.fixture
def on_gpu(monkeypatch):
    """A machine with a GPU and a compiler, as far as planning looks."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    monkeypatch.setattr(plan, "_has_compiler", lambda device: True)


def test_a_cpu_runs_operation_by_operation_and_repeatably():
    made = make_plan(1, steps=10 * LONG)
    if made["device"] == "cpu":
        assert made["kernels"] == "eager"
    assert made["deterministic"] is True


def test_a_gpu_records_graphs_for_long_trainings(on_gpu):
    assert make_plan(1, steps=LONG)["kernels"] == "cuda-graphs"
    assert make_plan(1, steps=LONG - 1)["kernels"] == "eager"
    assert make_plan(1)["kernels"] == "eager"


def test_a_gpu_without_a_compiler_runs_operation_by_operation(on_gpu, monkeypatch):
    monkeypatch.setattr(plan, "_has_compiler", lambda device: False)
    assert make_plan(1, steps=LONG)["kernels"] == "eager"
    with pytest.raises(ValueError, match="needs a C\\+\\+ compiler and Triton"):
        make_plan(1, kernels="compile")


def test_what_is_asked_for_is_planned(on_gpu):
    for kernels in ("eager", "compile", "cuda-graphs"):
        assert make_plan(1, kernels=kernels, steps=LONG)["kernels"] == kernels
    assert make_plan(1, deterministic=False)["deterministic"] is False


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_graphs_are_refused_without_a_gpu():
    with pytest.raises(ValueError, match="need a CUDA GPU"):
        make_plan(1, kernels="cuda-graphs")


def test_a_resumed_round_keeps_what_was_planned_unless_told_otherwise(on_gpu):
    planned = make_plan(3, kernels="compile", deterministic=False)
    assert differences(planned, None) == []
    assert differences(planned, 2, kernels="eager", deterministic=True) == [
        "threads was 3 and would be 2",
        "kernels was compile and would be eager",
        "deterministic was False and would be True",
    ]
    assert as_planned(planned, None) == planned


def test_kernels_that_cannot_be_had_here_are_a_difference(on_gpu, monkeypatch):
    planned = make_plan(1, steps=LONG)
    monkeypatch.setattr(plan, "_has_compiler", lambda device: False)
    assert differences(planned, None) == ["kernels was cuda-graphs and would be eager"]


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_plan_sets_what_it_says(deterministic, restored):
    made = make_plan(1, deterministic=deterministic)
    device, dtype = apply_plan(made)
    assert (device.type, dtype) == (made["device"], getattr(torch, made["dtype"]))
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled() is deterministic
    assert torch.backends.cudnn.deterministic is deterministic
    assert torch.backends.cudnn.benchmark is not deterministic
