"""A package's model, ready to be asked: by onnxruntime where that is there, else by torch."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from sslapp.packaging.description import ModelDescription
from sslapp.packaging.graph import JoinedVectors, ModelGraph
from sslapp.packaging.inputs import ImageInput
from sslapp.packaging.onnx_graph import OnnxModel
from sslapp.packaging.package import ENCODERS, ONNX, PREDICTOR, RefusedPackage


class Model(Protocol):
    """What maps images to probabilities."""

    inputs: list[ImageInput]

    def probabilities(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """(n, C) for (n, C, S, S) images of each input."""


def open_model(folder: Path, described: ModelDescription) -> Model:
    """The model of an opened package.

    Raises:
        ValueError: when a file is damaged, or an encoder is not installed here.
    """
    if described.onnx and find_spec("onnxruntime") is not None:
        inputs = [each.taken() for each in described.inputs]
        return OnnxModel((folder / ONNX).read_bytes(), inputs)
    return graph_of(folder, described)


def graph_of(folder: Path, described: ModelDescription) -> ModelGraph:
    """The model as torch modules, of the package's weights.

    Raises:
        ValueError: as `open_model`.
    """
    from sslapp.embedding.modules import load
    from sslapp.methods.predictors import load_predictor
    from sslapp.training.calibration.modules import module_of

    try:
        head = load_predictor(folder / PREDICTOR).module()
        return ModelGraph(
            inputs=[each.taken() for each in described.inputs],
            encoders=[
                (each.input, load(each.model_dump(), folder / ENCODERS))
                for each in described.encoders
            ],
            head=JoinedVectors(head) if described.joined else head,
            calibration=module_of(described.calibration.map()),
        )
    except (SafetensorError, RuntimeError, KeyError, TypeError, OSError) as error:
        raise RefusedPackage(
            f"The model's weights do not fit its description ({str(error).splitlines()[0][:200]}). "
            "Export the round again."
        ) from error
