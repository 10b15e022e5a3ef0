"""Maps from what a round says to a confidence that means something.

No torch here: the app process reads predictions and must stay light. A round stores its map; one
that an earlier version published has a temperature alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from sslapp.vocabulary import ScalingKind

Real = TypeVar("Real", bound=np.floating)

MARGIN = 1e-6
"""By how much the likeliest class stays ahead: more than rounding in float32 takes."""


class Scaling(Protocol):
    """A map of class probabilities."""

    @property
    def temperature(self) -> float:
        """Its own, or the one that it was fitted around."""
        ...

    def apply(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, C) calibrated probabilities of (N, C) raw ones, softmax of a round's logits."""
        ...

    def of_logits(self, logits: NDArray[Real]) -> NDArray[Real]:
        """The same of (n, C) logits, in their number format."""
        ...

    def columns(self, raw: NDArray[np.float32]) -> NDArray[np.int64]:
        """(N,) the likeliest class by the calibrated probabilities."""
        ...

    def stored(self) -> dict[str, Any] | None:
        """What is kept beside the temperature, as JSON; None where there is nothing."""
        ...


@dataclass(frozen=True)
class Temperature:
    """Temperature scaling, softmax(z / T) (Guo et al., ICML 2017, section 4.2); T > 0.

    softmax(log p / T) is the same, since log p = z + a constant. The likeliest class stays.
    """

    temperature: float

    def apply(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of probabilities; T = 1 gives them back."""
        return raw if self.temperature == 1 else self.of_logits(logs(raw))

    def of_logits(self, logits: NDArray[Real]) -> NDArray[Real]:
        """Of logits."""
        return softmax(logits / logits.dtype.type(self.temperature))

    def columns(self, raw: NDArray[np.float32]) -> NDArray[np.int64]:
        """The likeliest class, which is the raw one."""
        return raw.argmax(axis=1)

    def stored(self) -> None:
        """Nothing: a round has a temperature anyway."""


@dataclass(frozen=True)
class Vector:
    """Vector scaling, softmax(w_c log p_c + b_c) (Guo et al., ICML 2017, section 4.2).

    Of log-probabilities and not of any logits, for a constant added to all logits would change what
    weights that differ by class make of them. The likeliest class may become another.

    Attributes:
        temperature: that of the temperature scaling towards which it was pulled.
        weight, bias: (C,) w and b.
    """

    temperature: float
    weight: tuple[float, ...]
    bias: tuple[float, ...]

    def apply(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of probabilities."""
        return softmax(self._scores(logs(raw)))

    def of_logits(self, logits: NDArray[Real]) -> NDArray[Real]:
        """Of logits."""
        return softmax(self._scores(log_probabilities(logits)))

    def columns(self, raw: NDArray[np.float32]) -> NDArray[np.int64]:
        """The likeliest class after scaling."""
        return self._scores(logs(raw)).argmax(axis=1)

    def stored(self) -> dict[str, Any]:
        """Weights and biases by column."""
        return {"kind": ScalingKind.VECTOR, "weight": self.weight, "bias": self.bias}

    def _scores(self, logs: NDArray[Real]) -> NDArray[Real]:
        scores: NDArray[Real] = logs * np.array(self.weight, dtype=logs.dtype)
        return scores + np.array(self.bias, dtype=logs.dtype)


@dataclass(frozen=True)
class Isotonic:
    """An isotonic map of the highest probability after temperature scaling.

    Zadrozny and Elkan, "Transforming Classifier Scores into Accurate Multiclass Probability
    Estimates", KDD 2002. The likeliest class stays: what is left goes to the others in proportion.

    Attributes:
        temperature: that of the scaling before it.
        at, to: (K,) ascending confidences and what is made of them, linear between.
    """

    temperature: float
    at: tuple[float, ...]
    to: tuple[float, ...]

    def apply(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of probabilities."""
        return self._raised(Temperature(self.temperature).apply(raw))

    def of_logits(self, logits: NDArray[Real]) -> NDArray[Real]:
        """Of logits."""
        return self._raised(Temperature(self.temperature).of_logits(logits))

    def columns(self, raw: NDArray[np.float32]) -> NDArray[np.int64]:
        """The likeliest class, which is the raw one."""
        return raw.argmax(axis=1)

    def stored(self) -> dict[str, Any]:
        """The map's corners."""
        return {"kind": ScalingKind.ISOTONIC, "at": self.at, "to": self.to}

    def _raised(self, p: NDArray[Real]) -> NDArray[Real]:
        if p.shape[1] < 2:
            return p
        rows, best = np.arange(len(p)), p.argmax(axis=1)
        rest = p.copy()
        rest[rows, best] = 0
        mass = rest.sum(axis=1, keepdims=True)
        even = np.ones_like(rest)
        even[rows, best] = 0
        shares = np.where(mass > 0, rest / np.where(mass > 0, mass, 1), even / (p.shape[1] - 1))
        second = shares.max(axis=1)
        least = second / (1 + second) + MARGIN
        top = np.maximum(np.interp(p[rows, best], self.at, self.to), least).astype(p.dtype)
        found: NDArray[Real] = shares * (1 - top)[:, None]
        found[rows, best] = top
        return found


def scaling_from(temperature: float, stored: Mapping[str, Any] | None) -> Scaling:
    """The map of a round, from its temperature and what is stored beside it."""
    if stored is None:
        return Temperature(temperature)
    match ScalingKind(stored["kind"]):
        case ScalingKind.VECTOR:
            return Vector(temperature, tuple(stored["weight"]), tuple(stored["bias"]))
        case ScalingKind.ISOTONIC:
            return Isotonic(temperature, tuple(stored["at"]), tuple(stored["to"]))


def softmax(logits: NDArray[Real]) -> NDArray[Real]:
    """(N, C) probabilities of (N, C) logits, in their number format."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def log_probabilities(logits: NDArray[Real]) -> NDArray[Real]:
    """(n, C) log softmax, no lower than `logs` has it of stored probabilities."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    found: NDArray[Real] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return np.maximum(found, logits.dtype.type(np.log(np.finfo(np.float32).tiny)))


def logs(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, C) logarithms; a zero counts as the smallest number, not as minus infinity."""
    found: NDArray[np.float32] = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
    return found
