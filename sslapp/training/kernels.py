"""How a network's forward and backward are run: one kernel an operation, compiled, or replayed.

The choice changes rounding, so it is made when a round is planned and stored with it
(`rounds.plan`). Only the network is compiled: losses, thresholds and averages stay as they are
written, in float32, and an objective may keep whatever state it likes.
"""

import copy
from typing import Literal

import torch
from torch import nn

Kernels = Literal["eager", "compile", "cuda-graphs"]
"""eager: as written. compile: torch.compile fuses normalisation and activation, by which wide
ResNets are bound to memory. cuda-graphs: compiled and recorded, so that a step launches two graphs
instead of hundreds of kernels."""

MODES = {"compile": "default", "cuda-graphs": "reduce-overhead"}


def stepping(network: nn.Module, kernels: Kernels) -> nn.Module:
    """The network as a training step calls it; it shares all parameters and buffers.

    Compilation happens at the first call and takes a minute. `features` is what is compiled: every
    network has it, and methods call it beside `forward`. The network itself stays as it is for
    evaluation, in another mode and number format and on other batches.
    """
    if kernels == "eager":
        return network
    # a shallow copy has the same modules and parameters; only the method below is its own
    called = copy.copy(network)
    called.features = torch.compile(  # type: ignore[assignment]
        network.features,  # type: ignore[arg-type]
        mode=MODES[kernels],
        dynamic=False,  # a resumed training must not meet other kernels than the first attempt
    )
    return called


def begin_step(kernels: Kernels) -> None:
    """Tell recorded graphs that what they gave at the last step is no longer needed."""
    if kernels == "cuda-graphs":
        torch.compiler.cudagraph_mark_step_begin()
