"""From a round's raw probabilities to the confidence that a reader is shown. No torch here:
the app process reads predictions and must stay light.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Real = TypeVar("Real", bound=np.floating)


def calibrated(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Temperature scaling of probabilities (Guo et al., ICML 2017, section 4.2).

    softmax(log p / T) equals softmax(z / T) of the logits z, since log p = z + a constant.

    Args:
        probabilities: (N, C) float32, rows sum to 1.
        temperature: T > 0; 1 changes nothing.

    Returns:
        (N, C) float32; every row keeps its argmax.
    """
    if temperature == 1:
        return probabilities
    smallest = np.finfo(np.float32).tiny  # a zero's logarithm would be minus infinity
    logs: NDArray[np.float32] = np.log(np.maximum(probabilities, smallest))
    return softmax(logs / np.float32(temperature))


def softmax(logits: NDArray[Real]) -> NDArray[Real]:
    """(N, C) probabilities of (N, C) logits, in their number format."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
