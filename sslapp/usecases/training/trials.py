"""Compare methods on the reader's own labels, as a job, and read what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from sslapp.jobs import history, queue
from sslapp.methods.challengers import CHALLENGERS, Challenger
from sslapp.methods.registry import CARDS
from sslapp.review.trial import Trial, widened
from sslapp.store import projects, snapshots
from sslapp.store.database import writing
from sslapp.store.embeddings import EncoderFeatures, latest_embedding, newest_of_encoders
from sslapp.store.errors import Refused
from sslapp.store.projects import ProjectSettings
from sslapp.store.snapshots import find_snapshot
from sslapp.store.state import load_state
from sslapp.training.calibration.sources import LEAST_LABELS
from sslapp.usecases.access import Access, find_project, require
from sslapp.usecases.images.embeddings import encoder_title, learned
from sslapp.vocabulary import JobKind, Role, Source
from sslapp.words import count, duration, proportion

DIFFERENCE = "Against the ensemble"
"""A column of the table."""

OUTGROWN = 2
"""Times as many labels as were compared, from which on the comparison is out of date."""


@dataclass(frozen=True, eq=False)
class PastTrials:
    """How methods did when they were last compared.

    Attributes:
        class_ids: what there was to tell apart.
        labelled: labels to train on.
        trials: the ensemble first; empty where no label could be left out.
    """

    class_ids: list[int]
    labelled: int
    trials: list[Trial]

    @property
    def encoders(self) -> frozenset[str]:
        """Whose features were tried."""
        return frozenset(each for trial in self.trials for each in trial.encoders)

    def stands(self, *, labelled: int, class_ids: Sequence[int], encoders: Sequence[str]) -> bool:
        """Whether a suggestion may rest on it.

        Args:
            labelled, class_ids: labels to train on, and classes, by now.
            encoders: whose features cover all images by now.
        """
        same = self.encoders == set(encoders) and self.class_ids == list(class_ids)
        return bool(self.trials) and same and labelled < OUTGROWN * max(self.labelled, 1)


def start_trials(
    access: Access, project: str | int | None, *, also: Sequence[str] = (), seed: int = 0
) -> int:
    """Freeze a snapshot, queue the comparison of methods on its labels, and return the job's id.

    Args:
        also: names of CHALLENGERS to compare besides the quick methods, on a third of the labels.
        seed: of the folds and of everything random in the fits.

    Raises:
        Refused: when a comparison waits or runs, when there are too few labels, when not all
            images are embedded, or for a name that is no challenger's.
    """
    unknown = [each for each in also if each not in CHALLENGERS]
    if unknown:
        raise Refused(
            f'"{unknown[0]}" cannot be added to the comparison. Choose from '
            f"{', '.join(CHALLENGERS)}; quick methods are always in it."
        )
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.READER)
        if history.under_way(conn, JobKind.TRIAL, project_id):
            raise Refused("Methods are being compared already. Wait for it, or cancel it first.")
        state = load_state(conn, project_id)
        encoders = covering(newest_of_encoders(conn, project_id), len(state.labels))
        experts = int((state.source[state.labelled] != Source.ACCEPTED).sum())
        refusal = lacking(experts, len(state.class_ids), encoders)
        if refusal:
            raise Refused(refusal)
        snapshot = snapshots.freeze(conn, access.workspace, project_id)
        settings = projects.find_project(conn, project_id).settings
        averaged = learned(encoders)
        ids = {each: _embedding(conn, project_id, each) for each in encoders}
        params = {
            "snapshot_id": snapshot.id,
            "embedding_ids": [ids[each] for each in averaged],
            "other_ids": [ids[each] for each in encoders if each not in averaged],
            "also": [_row(CHALLENGERS[each], settings) for each in dict.fromkeys(also)],
            "seed": seed,
        }
        return queue.enqueue(conn, project_id, JobKind.TRIAL, params, access.reader_id)


def _row(challenger: Challenger, settings: ProjectSettings) -> dict[str, Any]:
    flips = "flip" in CARDS[challenger.method].options.model_fields
    return replace(challenger, settings={"flip": settings.flip} if flips else {}).row()


def lacking(experts: int, classes: int, encoders: Sequence[str]) -> str:
    """What a comparison lacks, with the mend; "" where it can start.

    Args:
        experts: labels to train on that readers gave.
        classes: how many there are.
        encoders: whose features cover all images.
    """
    if classes < 2:
        return "Methods tell classes apart: add a second one first."
    if experts < LEAST_LABELS:
        more = count(LEAST_LABELS - experts, "more label")
        return f"Methods can be compared on {LEAST_LABELS} labels and more: give {more} first."
    if not encoders:
        return "Methods are compared on features: embed all images first."
    return ""


def covering(features: Sequence[EncoderFeatures], images: int) -> list[str]:
    """The encoders whose newest features cover so many images, newest first."""
    return [each.encoder for each in features if each.count >= images]


def _embedding(conn: Connection, project_id: int, encoder: str) -> int:
    row = latest_embedding(conn, project_id, encoder)
    assert row is not None  # it is one of those that `covering` named
    return int(row["id"])


def newest_compared(conn: Connection, project_id: int) -> PastTrials | None:
    """The newest comparison that has ended, or None."""
    row = history.newest_done(conn, project_id, JobKind.TRIAL)
    if row is None:
        return None
    snapshot = find_snapshot(conn, row["params"]["snapshot_id"])
    return PastTrials(
        class_ids=snapshot.class_ids,
        labelled=snapshot.counts["labelled"],
        trials=[Trial.of_row(each) for each in row["result"]["trials"]],
    )


def rows_of(trials: Sequence[Trial]) -> list[dict[str, str]]:
    """A line a method, the ensemble first: how often it was right, and how it differs from it."""
    alpha = widened(trials)
    return [
        {
            "Method": title_of(each),
            "Sees": " and ".join(map(encoder_title, each.encoders)) or "the images",
            "Right": proportion(each.accuracy, each.judged),
            DIFFERENCE: _difference(each, alpha) if number else "–",
            "Took": duration(each.seconds),
        }
        for number, each in enumerate(trials)
    ]


def title_of(trial: Trial) -> str:
    """What was tried, as a page calls it."""
    named = (each for each in CHALLENGERS.values() if each.method == trial.method)
    exact = next((each for each in named if dict(each.config) == dict(trial.config)), None)
    if exact is not None:
        return exact.title
    return CARDS[trial.method].title if trial.method in CARDS else trial.method


def _difference(trial: Trial, alpha: float) -> str:
    if not trial.only_this and not trial.only_ensemble:
        return "the same answers"
    low, high = (_points(end) for end in trial.interval(alpha))
    return f"{_points(trial.difference)} points ({low} to {high})"


def _points(difference: float) -> str:
    rounded = round(100 * difference)
    return f"{'−' if rounded < 0 else '+' if rounded else ''}{abs(rounded)}"
