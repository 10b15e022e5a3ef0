"""Small image sets in the formats of the real ones."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def picture() -> Callable[..., bytes]:
    """A PNG of random pixels: picture(seed, height, width, channels)."""

    def build(seed: int = 0, height: int = 8, width: int = 8, channels: int = 1) -> bytes:
        shape = (height, width) if channels == 1 else (height, width, channels)
        return png(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))

    return build


@pytest.fixture
def tree(tmp_path: Path) -> Callable[[dict[str, bytes]], Path]:
    """Write files given by relative path below a new folder `set`."""

    def build(files: dict[str, bytes]) -> Path:
        root = tmp_path / "set"
        root.mkdir(exist_ok=True)
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return root

    return build


@pytest.fixture
def medmnist(tmp_path: Path) -> Callable[..., Path]:
    """A MedMNIST-layout file of 5 train, 2 val and 3 test images; keys can be replaced."""

    def build(**changes: np.ndarray | None) -> Path:
        random = np.random.default_rng(0)
        arrays: dict[str, np.ndarray | None] = {}
        for split, count in (("train", 5), ("val", 2), ("test", 3)):
            arrays[f"{split}_images"] = random.integers(0, 256, (count, 6, 6), dtype=np.uint8)
            arrays[f"{split}_labels"] = (np.arange(count) % 3).astype(np.uint8)[:, None]
        arrays.update(changes)
        path = tmp_path / "smallmnist.npz"
        np.savez_compressed(path, **{k: v for k, v in arrays.items() if v is not None})
        return path

    return build
