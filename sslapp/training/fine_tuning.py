"""How much of a pre-trained network learns, and what it is once it has learned.

The last third of its layers and the classifier; the classifier alone; or small matrices beside its
frozen layers (LoRA: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, by
the package peft): a layer x -> W x becomes W x + 2 B A x with A (r, in), B (out, r) and r = 8, B
zero at first. When the training is over W + 2 B A takes the place of W, so that what is kept is the
plain network, and peft is not needed to load it.
"""

from collections.abc import Mapping
from functools import partial

from torch import Tensor, nn

from sslapp.training.configuration import TrainingConfig

RANK, SCALE = 8, 2.0
LEARNING_SHARE = 1 / 3
"""Of the layers, by depth: those that learn as the last blocks."""

ADAPTER = "learned"
"""What peft calls the matrices that are added."""

_A, _B, _BASE = f".lora_A.{ADAPTER}.weight", f".lora_B.{ADAPTER}.weight", ".base_layer."


def restrict(network: nn.Module, config: TrainingConfig) -> None:
    """Freeze what is not to learn; matrices of LoRA are drawn from torch's global generator.

    Batch normalisation whose weights are frozen keeps its running statistics, in training too.

    Args:
        network: with `depths()` and `head`.

    Raises:
        ValueError: with the mend, when LoRA is asked for and peft is not installed.
    """
    if config.train != "all":
        depths: dict[str, int] = network.depths()  # type: ignore[operator]
        first = _first_that_learns(config.train, max(depths.values()))
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(depths[name] >= first)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            own = list(module.parameters(recurse=False))
            still = bool(own) and not any(each.requires_grad for each in own)
            if still or config.batch_norm == "frozen":
                _keep_statistics(module)
    if config.train == "lora":
        _adapt(network)


def plain_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of the network as it was built, with the matrices of LoRA added to its weights."""
    plain = {}
    for name, value in state.items():
        if name.endswith((_A, _B)):
            continue
        layer, base, kind = name.partition(_BASE)
        if not base:
            plain[name] = value
            continue
        a, b = state.get(f"{layer}{_A}"), state.get(f"{layer}{_B}")
        plain[f"{layer}.{kind}"] = value
        if kind == "weight" and a is not None and b is not None:
            added = b.flatten(1) @ a.flatten(1)  # (out, r) @ (r, in * k * k)
            plain[f"{layer}.{kind}"] = value + SCALE * added.view_as(value)
    return plain


def _first_that_learns(train: str, deepest: int) -> int:
    """The least depth of what learns; LoRA leaves all but the head to its own matrices."""
    if train == "last-blocks":
        return deepest - round(LEARNING_SHARE * deepest) + 1
    return deepest


def _keep_statistics(norm: nn.Module) -> None:
    """Let a normalisation stay in evaluation mode, whatever mode its network is put in."""
    norm.eval()
    norm.train = partial(_as_it_is, norm)  # type: ignore[method-assign]


def _as_it_is(norm: nn.Module, mode: bool = True) -> nn.Module:
    return norm


def _adapt(network: nn.Module) -> None:
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise ValueError(
            "train: lora needs the package peft. Install it with `pip install 'sslapp[networks]'`, "
            "or choose last-blocks."
        ) from None
    layers = [name for name, module in network.named_modules() if _is_adaptable(name, module)]
    config = LoraConfig(r=RANK, lora_alpha=int(SCALE * RANK), target_modules=layers)
    inject_adapter_in_model(config, network, adapter_name=ADAPTER)
    for parameter in network.head.parameters():  # type: ignore[union-attr]
        parameter.requires_grad_()


def _is_adaptable(name: str, module: nn.Module) -> bool:
    """Plain linear layers of the body, and plain convolutions that mix channels.

    Some networks pad in a convolution of their own kind, which peft cannot put beside it.
    """
    if not name.startswith("body."):
        return False
    if type(module) is nn.Conv2d:
        return module.groups == 1
    return isinstance(module, nn.Linear)
