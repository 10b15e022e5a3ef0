"""What a round would train on, before it is started and without freezing anything."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.imaging.pixels import PixelStore
from sslapp.store import images, label_classes, projects, rounds, snapshots
from sslapp.store.database import reading
from sslapp.store.embeddings import EncoderFeatures, newest_of_encoders
from sslapp.store.images import ImageSetRow
from sslapp.store.label_classes import ClassRow
from sslapp.store.log import events
from sslapp.store.state import Standing, load_state
from sslapp.training.calibration.sources import LEAST_HOLDOUT, LEAST_LABELS, source_for
from sslapp.training.configuration import MethodConfig
from sslapp.usecases.access import Access, find_project, require
from sslapp.usecases.images.encoded_views import NOT_ENCODED
from sslapp.usecases.training.trials import PastTrials, covering, newest_compared
from sslapp.vocabulary import CalibratedOn, Gear, Source
from sslapp.words import count
from sslapp.workspace import Workspace

UNEVEN = 5
"""So many times more labels than another class has are worth a warning."""


@dataclass(frozen=True)
class Frozen:
    """A snapshot that rounds have trained on.

    Attributes:
        rounds: their numbers, ascending; the first names the snapshot to `start_round`.
        labelled: labels in it.
    """

    rounds: tuple[int, ...]
    hash: str
    labelled: int


@dataclass(frozen=True)
class Choices:
    """What a round can be started on.

    Attributes:
        event: number of the project's newest event; the present labels are those after it.
        images: so many there are now.
        size: height, width and channels of the pixel store; None without images.
        frozen: earlier snapshots, newest first.
        features: newest embedding of every encoder, newest first.
        flip: the project's default of the option of that name.
        live: ids of the classes in use.
        compared: the newest comparison of methods on the reader's labels, if there was one.
        newest: number of the newest round; 0 before the first.
    """

    event: int
    images: int
    size: tuple[int, int, int] | None
    frozen: list[Frozen]
    features: list[EncoderFeatures]
    flip: bool
    live: frozenset[int]
    compared: PastTrials | None
    newest: int

    def covering(self, images: int) -> list[str]:
        """The encoders whose newest features cover so many images, newest first."""
        return covering(self.features, images)

    def newest_features(self, encoder: str | None) -> EncoderFeatures | None:
        """What an encoder has computed, if it has; the newest embedding by default."""
        return next((each for each in self.features if encoder in (None, each.encoder)), None)

    def covered(self, encoder: str | None) -> int:
        """Images that an encoder's features cover; of the newest embedding by default."""
        found = self.newest_features(encoder)
        return found.count if found else 0


@dataclass(frozen=True, eq=False)
class Preview:
    """The labels a round would see.

    Attributes:
        classes: C of them, in the order of its columns; retired ones if the snapshot has them.
        per_class: (C, 4) int64 labels to train on, by vocabulary.Source code.
        pool: images that would receive pseudo-labels.
        holdout, validation: images drawn for the holdout, and those of them with a label.
        forbidden: classes that readers ruled out for images of the pool, in all.
        forbidden_images: how many images these are.
        none_of_these: images for which readers ruled out every class.
        images: N.
    """

    classes: list[ClassRow]
    per_class: NDArray[np.int64]
    pool: int
    holdout: int
    validation: int
    forbidden: int
    forbidden_images: int
    none_of_these: int
    images: int

    @property
    def experts(self) -> int:
        """Labels to train on that readers gave."""
        return int(self.per_class[:, [Source.EXPERT, Source.ADJUDICATED]].sum())

    @property
    def labelled(self) -> int:
        """Labels to train on."""
        return int(self.per_class.sum())


def choices(access: Access, project_id: int) -> Choices:
    """What a round can be started on; cheap, the labels themselves are not read."""
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        sets = images.image_sets(conn, project_id)
        return Choices(
            event=events.head(conn, project_id)[0],
            images=sum(each.count for each in sets),
            size=image_shape(access.workspace, sets[0]) if sets else None,
            frozen=_frozen(conn, project_id),
            features=newest_of_encoders(conn, project_id),
            flip=projects.find_project(conn, project_id).settings.flip,
            live=frozenset(each.id for each in label_classes.classes(conn, project_id)),
            compared=newest_compared(conn, project_id),
            newest=rounds.newest_number(conn, project_id),
        )


def _frozen(conn: Connection, project_id: int) -> list[Frozen]:
    """The snapshots that rounds have trained on, newest first."""
    found: dict[int, Frozen] = {}
    for each in rounds.all_rounds(conn, project_id):
        before = found.get(each.snapshot.id)
        numbers = (*(before.rounds if before else ()), each.number)
        frozen = each.snapshot
        found[frozen.id] = Frozen(numbers, frozen.hash, frozen.counts["labelled"])
    return list(reversed(found.values()))


def image_shape(workspace: Workspace, images_of: ImageSetRow) -> tuple[int, int, int]:
    """Height, width and channels of an import's images in the training store."""
    _, height, width, channels = PixelStore([workspace.path(images_of.pixels)]).shape
    return height, width, channels


def preview(access: Access, project_id: int, same_as: int | None = None) -> Preview:
    """What a round would see: the labels as they are now, or those of an earlier round.

    Args:
        same_as: number of the round whose snapshot to show.

    Raises:
        ValueError: when there is no such round.
    """
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        known = {each.id: each for each in label_classes.classes(conn, project_id, retired=True)}
        standing: Standing
        if same_as is None:
            standing = load_state(conn, project_id)
        else:
            frozen = rounds.find_round(conn, project_id, same_as).snapshot
            standing = snapshots.load(access.workspace, frozen)
    return _preview(standing, [known[each] for each in standing.class_ids.tolist()])


def _preview(standing: Standing, classes: list[ClassRow]) -> Preview:
    per_class = np.zeros((len(classes), len(Source)), dtype=np.int64)
    rows = standing.labelled
    np.add.at(per_class, (standing.labels[rows], standing.source[rows]), 1)
    ruled_out = standing.forbidden[standing.pool]
    return Preview(
        classes=classes,
        per_class=per_class,
        pool=len(standing.pool),
        holdout=int(standing.holdout.sum()),
        validation=len(standing.validation),
        forbidden=int(ruled_out.sum()),
        forbidden_images=int(ruled_out.any(axis=1).sum()),
        none_of_these=len(standing.none_of_these),
        images=len(standing.labels),
    )


def missing_before_start(
    found: Preview, can: Choices, gear: Gear, encoder: str | None, *, compares_views: bool = False
) -> str:
    """What has to happen before a round can start; "" when it can.

    Args:
        compares_views: whether the method needs views of unlabelled images.
    """
    if not can.images:
        return "There are no images yet: import some on the Projects page."
    if len(found.classes) < 2:
        return "A round needs at least two classes: add them on the Projects page."
    if not found.labelled:
        return "Nothing to learn from yet: label a few images on the Label page."
    if gear == Gear.FEATURES and can.covered(encoder) < found.images:
        return (
            f"The features gear needs all {found.images:,} images embedded, and "
            f"{can.covered(encoder):,} are: run `sslapp embed` and wait for it."
        )
    features = can.newest_features(encoder)
    if gear == Gear.FEATURES and compares_views and not (features and features.views):
        return NOT_ENCODED
    return ""


def warnings(found: Preview, can: Choices, same_as: int | None = None) -> list[str]:
    """What a reader should know before the round starts, a sentence each.

    Args:
        same_as: number of the round whose snapshot is used, if one is.
    """
    counts = found.per_class.sum(axis=1)
    bare = [each.name for each, n in zip(found.classes, counts.tolist(), strict=True) if not n]
    sentences = []
    if found.labelled and bare:
        sentences.append(f"No label yet for {listed(bare)}: no image will be predicted to be one.")
    given = np.flatnonzero(counts)
    if len(given) and counts.max() >= UNEVEN * counts[given].min():
        most, least = int(counts.argmax()), int(given[counts[given].argmin()])
        sentences.append(
            f"Labels are uneven: {counts[most]:,} of {found.classes[most].name}, "
            f"{counts[least]:,} of {found.classes[least].name}. Balanced batches (the option "
            "labelled_batches, where a method has it) teach every class equally often."
        )
    if found.labelled and found.validation == 0:
        sentences.append("No holdout label yet: the accuracy stays unknown.")
    if found.labelled and not found.pool:
        sentences.append("The pool is empty: there is no image left to propose a label for.")
    if same_as is not None:
        sentences += _outdated(found, can, same_as)
    return sentences


def warnings_now(access: Access, project: str | int | None, same_as: int | None) -> list[str]:
    """What a reader should know before a round on the labels of this moment starts.

    Args:
        same_as: as in `warnings`.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
    return warnings(preview(access, project_id, same_as), choices(access, project_id), same_as)


def calibrated_on(found: Preview, config: MethodConfig, gear: Gear) -> CalibratedOn:
    """Whose labels a round on these would be calibrated on.

    Args:
        config: the options of its method.
    """
    return source_for(config, gear, holdout=found.validation, experts=found.experts)


def calibration_ahead(found: Preview, source: CalibratedOn) -> str:
    """What the round's confidences will rest on, or why it will propose nothing, with the mend."""
    match source:
        case CalibratedOn.HOLDOUT:
            return f"Its confidence is calibrated on the {found.validation:,} holdout labels."
        case CalibratedOn.FOLDS:
            return f"Its confidence is calibrated by cross-fitting on {found.experts:,} labels."
        case CalibratedOn.THIRDS:
            return (
                f"Its confidence is calibrated on all {found.experts:,} labels by three further "
                "trainings, each without another third of them."
            )
        case CalibratedOn.THIRD:
            return (
                "Its confidence is calibrated by a second training without a third of the "
                f"{found.experts:,} labels."
            )
        case CalibratedOn.NOTHING:
            return f"It will propose nothing: its confidence is not calibrated. {_mend(found)}"


def _mend(found: Preview) -> str:
    """What calibrates a round that nothing calibrates."""
    holdout = LEAST_HOLDOUT - found.validation
    labels = LEAST_LABELS - found.experts
    if labels > 0:
        return f"{count(labels, 'more label')} would mend that."
    return f"{count(holdout, 'more holdout label')} would mend that, or further trainings."


def _outdated(found: Preview, can: Choices, same_as: int) -> list[str]:
    sentences = []
    newer = can.images - found.images
    if newer > 0:
        came = "image that came" if newer == 1 else "images that came"
        sentences.append(f"{newer:,} {came} after round {same_as} will not be predicted.")
    ids = {each.id for each in found.classes}
    gone = [each.name for each in found.classes if each.id not in can.live]
    if gone:
        sentences.append(
            f"{listed(gone)} was in use then and is retired now: it will be predicted."
        )
    new = len(can.live - ids)
    if new:
        classes = "class was" if new == 1 else "classes were"
        sentences.append(f"{new} {classes} added after round {same_as} and will not be predicted.")
    return sentences


def listed(names: Sequence[str], longest: int = 4) -> str:
    """ "a", "a and b", "a, b, c and 7 more"."""
    shown = list(names[:longest])
    if len(names) > longest:
        return f"{', '.join(shown)} and {len(names) - longest:,} more"
    return " and ".join([*([", ".join(shown[:-1])] if len(shown) > 1 else []), shown[-1]])
