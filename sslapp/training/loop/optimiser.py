"""How parameters are updated: the optimiser, learning rates by depth, and its state by name.

Networks with batch normalisation take SGD with Nesterov momentum, as FixMatch's authors train
them; vision transformers and other timm networks without it take AdamW, as USB trains them (Wang
et al., NeurIPS 2022). With a layer decay ld below 1 a parameter at depth l learns at
ld^(L - l) of the rate, L being the head's depth. Matrices and kernels decay, 1-D tensors do not.
"""

from typing import Any

import torch
from torch import nn

from sslapp.training.configuration import TrainingConfig, filled
from sslapp.training.run import Tensors

PEAK = "peak"
"""Key of a group's highest learning rate."""


def make(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """The optimiser that suits the network, its groups from the head to the input."""
    config = filled(config)
    # on a GPU one kernel for all parameters; on a CPU that saved under .4 ms a step and rounds
    # differently from what rounds were trained with so far
    on_gpu = next(network.parameters()).device.type == "cuda"
    how: dict[str, Any] = {"fused": True} if on_gpu else {"foreach": True}
    if getattr(network, "optimiser", "sgd") == "adamw":
        groups = parameter_groups(
            network, config.weight_decay, rate=config.adamw_rate, layer_decay=config.layer_decay
        )
        return torch.optim.AdamW(groups, lr=config.adamw_rate, **how)
    groups = parameter_groups(
        network, config.weight_decay, rate=config.learning_rate, layer_decay=config.layer_decay
    )
    made = torch.optim.SGD(groups, lr=config.learning_rate, momentum=0.9, nesterov=True, **how)
    if on_gpu:
        # the fused kernel takes all momenta or none, and a parameter's first gradient may come
        # later than another's; from zero the first momentum is the gradient, as it is without
        for parameter in (each for each in network.parameters() if each.requires_grad):
            made.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return made


def parameter_groups(
    network: nn.Module, weight_decay: float, *, rate: float = 1.0, layer_decay: float = 1.0
) -> list[dict[str, Any]]:
    """All trainable parameters, each once, in groups of one rate and one weight decay.

    Without layer decay these are two: matrices and kernels, then 1-D tensors. With it there are two
    for every depth, the head's first. A network without `depths()` learns at one rate.
    """
    depths = network.depths() if layer_decay < 1 and hasattr(network, "depths") else {}  # type: ignore[operator]
    deepest = max(depths.values(), default=0)
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            key = deepest - depths.get(name, deepest), parameter.ndim <= 1
            groups.setdefault(key, []).append(parameter)
    return [
        {
            "params": parameters,
            "weight_decay": 0.0 if free else weight_decay,
            PEAK: rate * layer_decay**below,
        }
        for (below, free), parameters in sorted(groups.items(), key=lambda item: item[0])
    ]


def set_rate(optimiser: torch.optim.Optimizer, factor: float) -> None:
    """Let every group learn at `factor` of its highest rate."""
    for group in optimiser.param_groups:
        group["lr"] = group[PEAK] * factor


def state(optimiser: torch.optim.Optimizer, network: nn.Module) -> Tensors:
    """Momenta and the like as tensors "kind.parameter"; none where no gradient came so far."""
    found: Tensors = {}
    for name, parameter in network.named_parameters():
        kept = optimiser.state.get(parameter, {})
        found |= {f"{kind}.{name}": value for kind, value in kept.items() if value is not None}
    return found


def load(optimiser: torch.optim.Optimizer, network: nn.Module, state: Tensors) -> None:
    """Take over what `state` returned."""
    parameters = dict(network.named_parameters())
    for key, value in state.items():
        kind, _, name = key.partition(".")
        parameter = parameters[name]
        if kind == "step":
            # AdamW counts on the host, or beside the parameters if it is fused
            kept = value.to(parameter.device) if optimiser.defaults["fused"] else value.cpu()
        else:
            # the parameter's own memory layout, or the update would be summed differently
            kept = torch.empty_like(parameter).copy_(value)
        optimiser.state[parameter][kind] = kept
