"""A round's encoders, predictor and calibration put together, compared with it, and written."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, RowMapping
from torch import nn

import sslapp
from sslapp import durable
from sslapp.embedding import modules
from sslapp.embedding.encoder import PixelSource
from sslapp.embedding.encoders import open_encoder, weights_file
from sslapp.embedding.pixels_encoder import PixelVectors
from sslapp.embedding.precision import Precision
from sslapp.embedding.views import check_same
from sslapp.imaging.original_pixels import OriginalPixels
from sslapp.jobs import history
from sslapp.jobs.context import JobContext
from sslapp.methods.predictors import load_predictor
from sslapp.methods.registry import CARDS
from sslapp.packaging import needs, onnx_graph, package
from sslapp.packaging.description import (
    FORMAT,
    HOW_TO_PREPARE,
    VERSION,
    AgreementPart,
    CalibrationPart,
    EncoderPart,
    InputPart,
    IntensityPart,
    ModelDescription,
)
from sslapp.packaging.graph import JoinedVectors, ModelGraph
from sslapp.packaging.inputs import ImageInput
from sslapp.packaging.onnx_graph import TOLERANCE, NotExpressible, OnnxModel
from sslapp.review.confidence import scaling_of
from sslapp.rounds.loading import load_features
from sslapp.store import images, projects
from sslapp.store.database import reading
from sslapp.store.embeddings import find_embedding
from sslapp.store.rounds import FinishedRound
from sslapp.store.snapshots import load
from sslapp.training.calibration.modules import module_of
from sslapp.training.inputs.joined import JoinedFeatures
from sslapp.training.method import Predictor
from sslapp.training.predictor import NetworkPredictor
from sslapp.usecases.exporting.model_card import card_of
from sslapp.usecases.images.encoder_jobs import pixels_for, precision_of
from sslapp.usecases.images.intensities import intensity_mapping
from sslapp.usecases.images.stored import imported_pixels, training_store
from sslapp.usecases.training.trust import rests_on
from sslapp.vocabulary import Aspect, Gear, JobKind
from sslapp.workspace import Workspace

BATCH = 32
"""Images that are compared at once."""

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
        ValueError: when its method or encoder has no form outside of the program.
    """
    workspace = context.workspace
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
        joined = len(ids) > 1 and not CARDS[found.method].averages_encoders
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


def fill(context: JobContext, made: Assembled, folder: Path) -> ModelDescription:
    """Write the model below a folder and return its description; see `package.write`.

    Raises:
        ValueError: when it says anything else than its round.
    """
    why = needs.missing() or onnx_graph.too_large(made.graph)
    model: ModelGraph | OnnxModel = made.graph
    if why is None:
        context.progress(0, len(made.expected), "writing ONNX")
        try:
            content = onnx_graph.write(made.graph)
        except NotExpressible as error:
            why = str(error)
        else:
            durable.write_bytes(folder / package.ONNX, content)
            model = OnnxModel(content, made.graph.inputs)
    if why is not None:
        _must_be_whole(made, why)
    agreement = _agreement(context, model, made)
    made.predictor.save(folder / package.PREDICTOR)
    parts = [
        EncoderPart(
            **modules.save(
                each.module, each.name, each.side, folder / package.ENCODERS, each.weights
            ),
            input=made.graph.inputs.index(each.input),
        )
        for each in made.encoders
    ]
    with reading(context.engine) as conn:
        described = _description(conn, made, parts, why, agreement)
        card = card_of(conn, made.found, described)
    durable.write_bytes(folder / package.CARD, card.encode("utf-8"))
    if why is None:
        script = resources.files("sslapp.packaging").joinpath("predict_alone.py").read_bytes()
        durable.write_bytes(folder / package.SCRIPT, script)
    return described


def _must_be_whole(made: Assembled, why: str) -> None:
    """Refuse a model without ONNX whose encoder is more than a file of weights."""
    of_hub = [each.name for each in made.encoders if each.weights and each.weights.is_dir()]
    if of_hub:
        raise ValueError(
            f"{' and '.join(of_hub)}: weights from a hub leave the program in model.onnx alone, "
            f"and that cannot be written: {why}"
        )


def _description(
    conn: Connection,
    made: Assembled,
    encoders: Sequence[EncoderPart],
    why_no_onnx: str | None,
    agreement: AgreementPart,
) -> ModelDescription:
    found, predictor = made.found, made.predictor
    names = {each.id: each.name for each in projects.classes(conn, found.project_id, retired=True)}
    network = predictor if isinstance(predictor, NetworkPredictor) else None
    mapping = intensity_mapping(conn, found.project_id)
    return ModelDescription(
        format=FORMAT,
        version=VERSION,
        sslapp=sslapp.__version__,
        project=projects.find_project(conn, found.project_id).name,
        round=found.number,
        snapshot=found.snapshot.hash,
        seed=found.seed,
        method=found.method,
        gear=Gear(found.gear),
        options=found.config,
        network=None if network is None else network.name,
        encoders=tuple(encoders),
        joined=made.joined,
        inputs=tuple(InputPart(**asdict(each)) for each in made.graph.inputs),
        preparation=HOW_TO_PREPARE,
        intensities=IntensityPart(choice=mapping.choice, limits=mapping.limits),
        normalisation=None if network is None else network.normalisation,
        classes=tuple(names[each] for each in found.class_ids),
        calibration=CalibrationPart(
            calibrated=found.is_calibrated,
            rests_on=rests_on(found.metrics),
            temperature=found.temperature,
            scaling=found.metrics.get("scaling"),
        ),
        onnx=why_no_onnx is None,
        why_no_onnx=why_no_onnx,
        agreement=agreement,
        files={},
    )


def _agreement(
    context: JobContext, model: ModelGraph | OnnxModel, made: Assembled
) -> AgreementPart:
    """What the model says beside what its round said.

    Where features were encoded in a shorter number format, the model, which computes in float32,
    cannot say the same numbers: then it is held against its own modules in torch, once it is sure
    that these encoders made the features (`_encoder`), and how far the round is off is told.

    Raises:
        ValueError: when it differs by more than the tolerance.
    """
    total = len(made.expected)
    exact = all(each.exact for each in made.encoders)
    said = np.empty_like(made.expected)
    reference = np.array(made.expected)
    for start in range(0, total, BATCH):
        context.check()
        context.progress(start, total, "comparing the model with its round")
        part = slice(start, start + BATCH)
        shown = [each[part] for each in made.images]
        said[part] = model.probabilities(shown)
        if not exact:
            reference[part] = made.graph.probabilities(shown)
    apart = float(np.abs(said - reference).max())
    if not apart <= TOLERANCE:
        raise ValueError(
            f"The exported model differs from round {made.found.number} by {apart:.2g} in a "
            f"probability, on {total} images of the project, and {TOLERANCE:g} is allowed, so it "
            "was not written. Weights or images may have changed since: embed the images again, "
            "start the round again and export that one."
        )
    same = said.argmax(axis=1) == made.expected.argmax(axis=1)
    return AgreementPart(
        images=total,
        exact=exact,
        largest_difference=apart,
        largest_from_round=float(np.abs(said - made.expected).max()),
        mean_from_round=float(np.abs(said - made.expected).mean()),
        same_class=int(same.sum()),
    )


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
    return OriginalPixels(
        workspace.project(found.project_id) / "originals",
        images.original_of_each(conn, found.project_id),
        imported_pixels(conn, workspace, found.project_id),
        size,
        channels=stored.channels,
        intensities=intensity_mapping(conn, found.project_id),
        aspect=_store_aspect(conn, found),
    )


def _encoder(
    context: JobContext, found: FinishedRound, embedding_id: int, count: int
) -> FittedEncoder:
    """The encoder of an embedding, fitted again as it was then."""
    workspace = context.workspace
    with reading(context.engine) as conn:
        row = find_embedding(conn, found.project_id, embedding_id)
        seed = _seed(conn, row)
        is_test = images.splits(conn, found.project_id)[: row["count"]]
        weights = weights_file(row["encoder"], workspace.weights)
        features = workspace.path(row["features"])
        precision = precision_of(features)
        encoder = open_encoder(row["encoder"], weights, precision)
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
        encoder = open_encoder(row["encoder"], weights)
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


def _seed(conn: Connection, row: RowMapping) -> int:
    """The seed of the job that made an embedding, whose folder its features lie in."""
    parts = Path(row["features"]).parts
    made = history.newest_jobs(conn, row["project_id"], kind=JobKind.EMBED)
    return next((int(job["params"]["seed"]) for job in made if job["folder"] in parts), 0)
