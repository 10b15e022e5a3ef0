"""A linear classifier of vectors, zero everywhere at first.

A hidden layer before it, drawn at random, forgot too much of what the encoder knew: with 40 labels
of CIFAR-10 it was some 10 points worse.
"""

from torch import Tensor, nn

LENGTH = 15.0
"""Root mean square length that vectors should have, whatever their D: what a step changes in the
logits grows with its square, and at this one 0.06 is a good learning rate."""


class FeatureHead(nn.Module):
    """Logits W x + w.

    Args:
        num_classes: C, the number of logits.
        num_inputs: D, the length of a vector.
    """

    def __init__(self, num_classes: int, num_inputs: int) -> None:
        super().__init__()
        # without weights at random first: those would come from the global generator
        self.head = nn.utils.skip_init(nn.Linear, num_inputs, num_classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return (n, C) logits for (n, D) standardised vectors."""
        return self.head(vectors)
