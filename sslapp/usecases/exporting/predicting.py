"""Predict a folder of pictures with an exported model; neither workspace nor reader is needed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sslapp.packaging.package import opened


@dataclass(frozen=True)
class Prediction:
    """What came of it.

    Attributes:
        rows: pictures in the file.
        none: of them below the threshold.
        unread: file -> why it could not be read.
        calibrated: whether confidences mean anything.
    """

    rows: int
    none: int
    unread: dict[str, str]
    calibrated: bool


def predict_folder(
    model: Path,
    folder: Path,
    target: Path,
    *,
    threshold: float | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Prediction:
    """Write a CSV row for each picture of a folder.

    Args:
        model: a zip or folder that `sslapp model export` wrote.
        folder: pictures are looked for in it and below.
        target: the file to create.
        threshold: confidence below which the class is `none`.
        progress: called as progress(pictures done, pictures).

    Raises:
        ValueError: when the model is none or damaged, the target exists, there is no picture, or a
            threshold is set on a model that is not calibrated.
    """
    from sslapp.packaging.model import open_model  # torch
    from sslapp.packaging.prediction import predict

    with opened(model) as (unpacked, described):
        if threshold is not None and not described.calibration.calibrated:
            raise ValueError(
                "This model is uncalibrated, so a threshold on its confidence means nothing. Leave "
                "--threshold out, or export a round that a holdout calibrates."
            )
        found = predict(
            open_model(unpacked, described),
            described.classes,
            folder,
            target,
            threshold=threshold,
            intensities=described.intensities.map(),
            progress=progress,
        )
    return Prediction(found.rows, found.none, found.unread, described.calibration.calibrated)
