"""A model's graph as ONNX: written, and run by onnxruntime. Both packages are an extra."""

import io
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from sslapp.packaging.graph import ModelGraph
from sslapp.packaging.inputs import ImageInput

OPSET = 17
"""Read by onnxruntime from 1.12 on."""

LARGEST = 1_900 * 2**20
"""Bytes of weights above which one ONNX file cannot hold them (protobuf's limit is 2 GiB)."""

TOLERANCE = 1e-4
"""By how much a probability may differ from that of the original."""

OUTPUT = "probabilities"


def too_large(graph: ModelGraph) -> str | None:
    """Why ONNX cannot hold this graph; None where it can."""
    size = sum(each.nbytes for each in graph.state_dict().values())
    if size <= LARGEST:
        return None
    return f"the weights take {size / 2**30:.1f} GiB, and an ONNX file holds 2 at most."


class NotExpressible(ValueError):
    """ONNX has no operator for something that the graph computes."""


def write(graph: ModelGraph) -> bytes:
    """The graph as an ONNX file, for any number of images at once.

    Args:
        graph: on the CPU or where its encoders are.

    Raises:
        NotExpressible: naming the operation.
    """
    example = tuple(
        torch.zeros(2, each.channels, each.size, each.size, dtype=torch.uint8)
        for each in graph.inputs
    )
    names = [each.name for each in graph.inputs]
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
        # the exporter that needs no further package; it says so of itself, and of each shape that
        # is the same for all images
        warnings.simplefilter("ignore")
        fused = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)  # attention in one operation, torch's own
        try:
            torch.onnx.export(
                graph,
                example,
                file,  # type: ignore[arg-type]
                dynamo=False,
                opset_version=OPSET,
                input_names=names,
                output_names=[OUTPUT],
                dynamic_axes={name: {0: "n"} for name in (*names, OUTPUT)},
            )
        except torch.onnx.errors.OnnxExporterError as error:
            first = str(error).splitlines()[0][:200].rstrip(".")
            raise NotExpressible(f"ONNX cannot express the model: {first}.") from error
        finally:
            torch.backends.mha.set_fastpath_enabled(fused)
    return file.getvalue()


class OnnxModel:
    """An ONNX file that `write` made, on the CPU.

    Args:
        content: the file.
        inputs: that it must have.

    Raises:
        ValueError: when it is damaged or has other inputs.
    """

    def __init__(self, content: bytes, inputs: Sequence[ImageInput]) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own errors share no base that it exports
            raise ValueError(
                "model.onnx: onnxruntime cannot read it. Export the round again."
            ) from error
        self.inputs = list(inputs)
        found = {each.name: each.shape[1:] for each in self._session.get_inputs()}
        asked = {each.name: [each.channels, each.size, each.size] for each in inputs}
        outputs = [each.name for each in self._session.get_outputs()]
        if found != asked or outputs != [OUTPUT]:
            raise ValueError(
                "model.onnx: its inputs are not those of config.json. Export the round again."
            )

    def probabilities(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """(n, C) for (n, C, S, S) images of each input."""
        feed = {
            each.name: np.ascontiguousarray(rows)
            for each, rows in zip(self.inputs, images, strict=True)
        }
        found: NDArray[np.float32] = self._session.run([OUTPUT], feed)[0]
        return found
