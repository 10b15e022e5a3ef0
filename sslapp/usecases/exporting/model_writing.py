"""A model compared with its round, described, and written below a folder."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib import resources
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

import sslapp
from sslapp import durable
from sslapp.embedding import modules
from sslapp.jobs.context import JobContext
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
from sslapp.packaging.graph import ModelGraph
from sslapp.packaging.onnx_graph import TOLERANCE, NotExpressible, OnnxModel
from sslapp.store import label_classes, projects
from sslapp.store.database import reading
from sslapp.training.predictor import NetworkPredictor
from sslapp.usecases.exporting.model_assembly import Assembled
from sslapp.usecases.exporting.model_card import card_of
from sslapp.usecases.images.intensities import intensity_mapping
from sslapp.usecases.training.trust import rests_on
from sslapp.vocabulary import Gear

BATCH = 32
"""Images that are compared at once."""


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
    names = {
        each.id: each.name for each in label_classes.classes(conn, found.project_id, retired=True)
    }
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
