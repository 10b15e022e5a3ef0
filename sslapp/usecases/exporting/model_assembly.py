"""A round's encoders, predictor and calibration put together as one model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection
from torch import nn

from sslapp import durable
from sslapp.embedding import modules
from sslapp.embedding.encoder import PixelSource
from sslapp.embedding.encoders import weights_file
from sslapp.embedding.pixels_encoder import PixelVectors
from sslapp.embedding.precision import Precision
from sslapp.embedding.views import check_same
from sslapp.imaging.original_pixels import OriginalPixels
from sslapp.jobs.context import JobContext
from sslapp.methods.predictors import load_predictor
from sslapp.methods.registry import CARDS
from sslapp.packaging.graph import JoinedVectors, ModelGraph
from sslapp.packaging.inputs import ImageInput
from sslapp.review.confidence import scaling_of
from sslapp.rounds.loading import load_features
from sslapp.rounds.project_pixels import originals_at, pictures_of, training_store
from sslapp.store import images, projects
from sslapp.store.database import reading
from sslapp.store.embeddings import find_embedding
from sslapp.store.rounds import FinishedRound
from sslapp.store.snapshots import load
from sslapp.training.calibration.modules import module_of
from sslapp.training.inputs.joined import JoinedFeatures
from sslapp.training.method import Predictor
from sslapp.training.predictor import NetworkPredictor
from sslapp.usecases.images.encoder_jobs import (
    encoder_of,
    encoder_seed,
    pixels_for,
    precision_of,
)
from sslapp.vocabulary import Aspect, Gear
from sslapp.workspace import Workspace

COMPARED = 100
"""Images on which the model is compared with its round."""


@dataclass(frozen=True, eq=False)
class FittedEncoder:
    """An encoder as the round's features were made by it.

    Attributes:
        name: of the encoder.
        module: images -> vectors, in float32.
        exact: whether the round's features were computed in float32 too.
        weights: the file that it was opened with, if it was one.
        pixels: the project's images as it reads them.
        input: how images of elsewhere come to it.
    """

    name: str
    module: nn.Module
    exact: bool
    weights: Path | None
    pixels: PixelSource
    input: ImageInput

    @property
    def side(self) -> int:
        """S of the images."""
        return self.pixels.shape[1]


@dataclass(frozen=True, eq=False)
class Assembled:
    """A round's model, and what it is compared with.

    Attributes:
        predictor: for images of elsewhere.
        encoders: of the features gear, the round's own first.
        joined: whether the predictor sees the features of all encoders side by side.
        graph: all of it in one.
        images: (n, C, S, S) uint8 of each input, the compared images.
        expected: (n, C) float32 what the round says of them, calibrated.
    """

    found: FinishedRound
    predictor: Predictor
    encoders: Sequence[FittedEncoder]
    joined: bool
    graph: ModelGraph
    images: Sequence[NDArray[np.uint8]]
    expected: NDArray[np.float32]


def assemble(context: JobContext, found: FinishedRound) -> Assembled:
    """Put a round's model together.

    Raises:
        ValueError: when its method or encoder has no form outside of the program, or images are
            several pictures.
    """
    workspace = context.workspace
    with reading(context.engine) as conn:
        if pictures_of(conn, workspace, found.project_id) is not None:
            raise ValueError(
                "A round about studies or patients answers by the mean over their pictures, and a "
                "model takes one picture at a time. Its labels leave by `sslapp export`."
            )
    folder = workspace.path(found.probabilities).parent / "predictor"
    predictor = load_predictor(folder)
    count = len(found.read_probabilities(workspace))
    if Gear(found.gear) is Gear.PIXELS:
        with reading(context.engine) as conn:
            pixels = _pixels(conn, workspace, found, predictor)
            shown = {_input(conn, found, pixels): pixels}
        encoders, joined = list[FittedEncoder](), False
    else:
        ids = [each for each in (found.embedding_id, *(found.embeddings_beside or ())) if each]
        encoders = [_encoder(context, found, each, count) for each in ids]
        features = load_features(workspace, context.engine, found.project_id, ids, count)
        joined = len(ids) > 1 and not _averages(found.method)
        own, *beside = features
        whole = replace(own, beside=beside)
        predictor = predictor.detached(JoinedFeatures(whole) if joined else whole)
        shown = {each.input: each.pixels for each in encoders}
    inputs = list(shown)
    graph = ModelGraph(
        inputs=inputs,
        encoders=[(inputs.index(each.input), each.module) for each in encoders],
        head=JoinedVectors(predictor.module()) if joined else predictor.module(),
        calibration=module_of(scaling_of(found)),
    )
    rows = _compared(workspace, found, count)
    return Assembled(
        found=found,
        predictor=predictor,
        encoders=encoders,
        joined=joined,
        graph=graph,
        images=[shown[each].take(rows).transpose(0, 3, 1, 2) for each in inputs],
        expected=scaling_of(found).apply(found.read_probabilities(workspace)[rows]),
    )


def _averages(method: str) -> bool:
    """Whether a method averages encoders; one that is here no more had them side by side."""
    return method in CARDS and CARDS[method].averages_encoders


def _compared(workspace: Workspace, found: FinishedRound, count: int) -> NDArray[np.int64]:
    """Positions evenly spread over those of which nobody ruled out a class."""
    forbidden = load(workspace, found.snapshot).forbidden[:count]
    free = np.flatnonzero(~forbidden.any(axis=1))
    at = np.linspace(0, len(free) - 1, min(COMPARED, len(free))).astype(np.int64)
    return free[np.unique(at)]


def _pixels(
    conn: Connection, workspace: Workspace, found: FinishedRound, predictor: Predictor
) -> PixelSource:
    """The project's images at the size that the round's network was trained on."""
    assert isinstance(predictor, NetworkPredictor)
    size = predictor.shape[1]
    stored = training_store(conn, workspace, found.project_id)
    if stored.shape[1] == size:
        return stored
    return originals_at(conn, workspace, found.project_id, size)


def _encoder(
    context: JobContext, found: FinishedRound, embedding_id: int, count: int
) -> FittedEncoder:
    """The encoder of an embedding, fitted again as it was then."""
    workspace = context.workspace
    with reading(context.engine) as conn:
        row = find_embedding(conn, found.project_id, embedding_id)
        seed = encoder_seed(conn, row)
        is_test = images.splits(conn, found.project_id)[: row["count"]]
        weights = weights_file(row["encoder"], workspace.weights)
        features = workspace.path(row["features"])
        precision = precision_of(features)
        encoder = encoder_of(workspace, row)
        pixels = pixels_for(conn, workspace, found.project_id, encoder)
        shown = _input(conn, found, pixels)
    vectors = encoder.fit(
        pixels,
        np.flatnonzero(~is_test),
        seed=seed,
        progress=lambda step, total: context.progress(step, total, "preparing the encoder"),
        should_stop=context.should_stop,
    )
    check_same(vectors, pixels, durable.read_array(features), precision=precision)
    exact = precision is Precision.FLOAT32 or isinstance(vectors, PixelVectors)
    if not exact:
        encoder = encoder_of(workspace, row, Precision.FLOAT32)
    module = modules.module_of(encoder, vectors, pixels.shape[1])
    return FittedEncoder(row["encoder"], module, exact, weights, pixels, shown)


def _input(conn: Connection, found: FinishedRound, pixels: PixelSource) -> ImageInput:
    """How images come in that are to be seen as these are."""
    _, size, _, channels = pixels.shape
    if isinstance(pixels, OriginalPixels):
        return ImageInput.of(size, channels, pixels.aspect, pixels.resample)
    return ImageInput.of(size, channels, _store_aspect(conn, found))


def _store_aspect(conn: Connection, found: FinishedRound) -> Aspect:
    return projects.find_project(conn, found.project_id).settings.aspect
