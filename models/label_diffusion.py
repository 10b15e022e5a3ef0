"""The label denoiser of LRA-diffusion (Chen et al., "Label-Retrieval-Augmented Diffusion Models for
Learning from Noisy Labels", NeurIPS 2023, section 4 and appendix): it predicts the noise in a
noisy label vector from the frozen features of the image."""

from torch import Tensor, nn

from models.softplus import softplus


class TimeScale(nn.Module):
    """gamma_t * x: what makes a linear layer conditional on the time step."""

    def __init__(self, width: int, time_steps: int) -> None:
        super().__init__()
        self.gamma = nn.Embedding(time_steps, width)
        nn.init.uniform_(self.gamma.weight)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Return (n, width) for (n, width) and (n,) int64 time steps."""
        # a product of two number formats is several times as slow on a CPU
        return self.gamma(t).to(x.dtype) * x


class LabelDenoiser(nn.Module):
    """eps(y_t, t, f): three conditional layers over the noisy label and the features, the first of
    them multiplied by an encoding of the image.

    Args:
        num_classes: C.
        num_features: D of the frozen features.
        width: F of the hidden layers.
        time_steps: T.
        encoder: the trainable image encoder, (n, channels, S, S) -> (n, F); None makes the encoding
            a linear map of the frozen features.
    """

    def __init__(
        self,
        num_classes: int,
        num_features: int,
        *,
        width: int = 512,
        time_steps: int = 1000,
        encoder: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.encode = nn.Sequential(
            encoder or nn.Linear(num_features, width), nn.BatchNorm1d(width)
        )
        # one linear layer over [y, f], in two parts: that of f is the same at every time step
        self.of_label = nn.Linear(num_classes, width, bias=False)
        self.of_features = nn.Linear(num_features, width)
        bound = (num_classes + num_features) ** -0.5
        for parameter in (*self.of_label.parameters(), *self.of_features.parameters()):
            nn.init.uniform_(parameter, -bound, bound)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.scales = nn.ModuleList(TimeScale(width, time_steps) for _ in range(3))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(3))
        self.head = nn.Linear(width, num_classes)

    def forward(self, y: Tensor, t: Tensor, f: Tensor, image: Tensor | None = None) -> Tensor:
        """Return (n, C): the noise in y.

        Args:
            y: (n, C) noisy labels.
            t: (n,) int64 time steps in 0 .. T - 1.
            f: (n, D) frozen features.
            image: (n, channels, S, S) for the trainable encoder, if there is one.
        """
        return self.denoise(y, t, *self.condition(f, image))

    def condition(self, f: Tensor, image: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return (n, F) and (n, F): the features' share of the first layer, and the encoding.

        Neither depends on the time step, so sampling computes them once.
        """
        return self.of_features(f), self.encode(f if image is None else image)

    def denoise(self, y: Tensor, t: Tensor, share: Tensor, encoding: Tensor) -> Tensor:
        """As `forward`, with what `condition` gave."""
        x = softplus(self.norms[0](self.scales[0](self.of_label(y) + share, t)))
        x = x * encoding
        for linear, scale, norm in zip(self.hidden, self.scales[1:], self.norms[1:], strict=True):
            x = softplus(norm(scale(linear(x), t)))
        return self.head(x)
