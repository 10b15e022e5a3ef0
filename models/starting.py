"""Weights that a network starts from, whatever they were trained to tell apart."""

from collections.abc import Mapping

from torch import Tensor, nn


def start_body(body: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load a network without its classifier from a state that may hold more.

    Raises:
        ValueError: when the state is of another network.
    """
    own = body.state_dict()
    kept = {key: value for key, value in state.items() if key in own}
    missing = sorted(own.keys() - kept.keys())
    odd = sorted(key for key, value in kept.items() if value.shape != own[key].shape)
    if missing or odd:
        raise ValueError(
            f"weights: {(missing or odd)[0]} is {'missing' if missing else 'of another shape'};"
            " the file belongs to another network, or to other channels."
        )
    body.load_state_dict(kept)
