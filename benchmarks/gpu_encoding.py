"""How many images a second EfficientNet-Lite0 encodes, from arrays to vectors and by itself."""

import time
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from gpu_setting import Setting
from gpu_table import Row, timed
from numpy.typing import NDArray
from step_time import PRODUCT, fastest
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from sslapp.embedding.encoder import encode
from sslapp.embedding.encoders import open_encoder
from sslapp.embedding.precision import Precision
from sslapp.embedding.precision import fastest as precision_here
from sslapp.embedding.pretrained import PretrainedEncoder

PART = "encoder"
NAME = "efficientnet-lite0"


class Photographs:
    """Random pixels of the encoder's own size."""

    def __init__(self, count: int, side: int) -> None:
        self.shape = (count, side, side, 3)
        self.images = np.random.default_rng(0).integers(0, 256, self.shape, dtype=np.uint8)

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self.images[indices]


def throughput(setting: Setting) -> Iterator[Row]:
    """In float32, which a project's images are encoded by on a GPU, and there in bfloat16."""
    setting.planned()
    for precision in (precision_here(),) if setting.small else tuple(Precision):
        yield from _of(setting, precision)


def _of(setting: Setting, precision: Precision) -> Iterator[Row]:
    """From arrays to vectors, then the network on images that are ready on the device."""
    count, batches = (2, (1,)) if setting.small else (4096, (64, 256))
    encoder = open_encoder(NAME, None, precision)
    assert isinstance(encoder, PretrainedEncoder)
    flop, moved = work(encoder, _ready(setting, encoder, precision, 1))

    def row(what: str, images: int, seconds: float) -> Row:
        return timed(
            PART,
            f"{NAME}, {precision}, {what}",
            seconds,
            setting.floor(images * flop, images * moved, precision, (PRODUCT,)),
            note=f"{images / seconds:,.0f} images/s",
        )

    photographs = Photographs(count, encoder.side)
    _encoded(encoder, photographs)
    began = time.perf_counter()
    _encoded(encoder, photographs)
    yield row(f"{count:,} images, arrays to vectors", count, time.perf_counter() - began)
    for batch in batches:
        ready = _ready(setting, encoder, precision, batch)
        # as the encoder does: always the same kernels, and no TF32
        exact = torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=False
        )
        with torch.inference_mode(), exact:
            seconds = fastest(partial(encoder.features, ready), setting.device)
        yield row(f"the network alone, batches of {batch}", batch, seconds)


def _encoded(encoder: PretrainedEncoder, photographs: Photographs) -> None:
    found = encode(
        encoder,
        photographs,
        np.arange(len(photographs.images)),
        seed=0,
        progress=lambda done, total: None,
        should_stop=lambda: False,
    )
    if not np.isfinite(found).all():
        raise ValueError("Some of the vectors are not finite.")


def _ready(
    setting: Setting, encoder: PretrainedEncoder, precision: Precision, count: int
) -> Tensor:
    shape = (count, 3, encoder.side, encoder.side)
    images = torch.rand(shape, device=setting.device).to(getattr(torch, precision))
    return images.contiguous(memory_format=torch.channels_last)


def work(encoder: PretrainedEncoder, images: Tensor) -> tuple[int, int]:
    """FLOP of a pass, and bytes moved if every layer's output is written once and read once."""
    written = []

    def note(module: nn.Module, given: object, made: object) -> None:
        if isinstance(made, Tensor):
            written.append(made.nbytes)

    network: nn.Module = encoder._network
    layers = [each for each in network.modules() if not list(each.children())]
    hooks = [each.register_forward_hook(note) for each in layers]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        encoder.features(images)
    for hook in hooks:
        hook.remove()
    return counter.get_total_flops(), 2 * sum(written)
