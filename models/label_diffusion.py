"""The label denoiser of LRA-diffusion (Chen et al., "Label-Retrieval-Augmented Diffusion Models for
Learning from Noisy Labels", NeurIPS 2023, section 4 and appendix): it predicts the noise in a
noisy label vector from the frozen features of the image."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class ConditionalLinear(nn.Module):
    """gamma_t * (W x + b): a linear layer whose outputs are scaled by the time step."""

    def __init__(self, inputs: int, outputs: int, time_steps: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.scale = nn.Embedding(time_steps, outputs)
        nn.init.uniform_(self.scale.weight)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Return (n, outputs) for (n, inputs) and (n,) int64 time steps."""
        return self.scale(t) * self.linear(x)


class LabelDenoiser(nn.Module):
    """eps(y_t, t, f): three conditional layers over the noisy label and the features, the first of
    them multiplied by an encoding of the image.

    Args:
        num_classes: C.
        num_features: D of the frozen encoder.
        width: F of the hidden layers.
        time_steps: T.
        image_features: features of a trainable image encoder that `forward` is given as well;
            None makes the encoding a linear map of the frozen features.
    """

    def __init__(
        self,
        num_classes: int,
        num_features: int,
        *,
        width: int = 512,
        time_steps: int = 1000,
        image_features: int | None = None,
    ) -> None:
        super().__init__()
        self.encode = nn.Sequential(
            nn.Linear(image_features or num_features, width), nn.BatchNorm1d(width)
        )
        sizes = (num_classes + num_features, width, width)
        self.layers = nn.ModuleList(ConditionalLinear(n, width, time_steps) for n in sizes)
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in sizes)
        self.head = nn.Linear(width, num_classes)

    def forward(self, y: Tensor, t: Tensor, f: Tensor, image: Tensor | None = None) -> Tensor:
        """Return (n, C): the noise in y.

        Args:
            y: (n, C) noisy labels.
            t: (n,) int64 time steps in 0 .. T - 1.
            f: (n, D) frozen features.
            image: (n, image_features) of the trainable encoder, if there is one.
        """
        return self.denoise(y, t, f, self.encode(f if image is None else image))

    def denoise(self, y: Tensor, t: Tensor, f: Tensor, encoding: Tensor) -> Tensor:
        """As `forward`, with the image's encoding: it does not change over the time steps."""
        x = torch.cat([y, f], dim=1)
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            x = functional.softplus(norm(layer(x, t)))
            if number == 0:
                x = x * encoding
        return self.head(x)
