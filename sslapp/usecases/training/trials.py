"""Compare methods on the reader's own labels, as a job, and read what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from sslapp.jobs import history, queue
from sslapp.methods.registry import CARDS
from sslapp.review.trial import Trial, widened
from sslapp.store import projects, snapshots
from sslapp.store.database import reading, writing
from sslapp.store.embeddings import latest_embedding, newest_of_encoders
from sslapp.store.errors import Refused
from sslapp.store.snapshots import SnapshotRow, find_snapshot
from sslapp.store.state import load_state
from sslapp.training.calibration.sources import LEAST_LABELS
from sslapp.usecases.access import Access, find_project, require
from sslapp.usecases.images.embeddings import encoder_title
from sslapp.usecases.training.suggestion import Suggestion, learned, suggest
from sslapp.vocabulary import Gear, JobKind, JobState, Role, Source
from sslapp.words import count, duration, proportion

LONG = tuple(
    name
    for name, card in CARDS.items()
    if not (Gear.FEATURES in card.gears and card.options.quick_on_features)
)
"""Methods whose fits take minutes: compared on request."""


@dataclass(frozen=True, eq=False)
class PastTrials:
    """How methods did when they were last compared.

    Attributes:
        job_id: of the comparison.
        snapshot: hash of the labels that it was about.
        labelled: labels to train on that these were.
        seed: of its folds.
        trials: the ensemble first; empty where no label could be left out.
    """

    job_id: int
    snapshot: str
    labelled: int
    seed: int
    trials: list[Trial]


def start_trials(
    access: Access, project: str | int | None, *, also: Sequence[str] = (), seed: int = 0
) -> int:
    """Freeze a snapshot, queue the comparison of methods on its labels, and return the job's id.

    Args:
        also: methods of LONG to compare besides the quick ones, on a third of the labels.
        seed: of the folds and of everything random in the fits.

    Raises:
        Refused: when a comparison waits or runs, when there are too few labels, when not all
            images are embedded, or for a name that is not in LONG.
    """
    unknown = [each for each in also if each not in LONG]
    if unknown:
        raise Refused(
            f'"{unknown[0]}" cannot be added to the comparison. Choose from {", ".join(LONG)}; '
            "quick methods are always in it."
        )
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.READER)
        if history.under_way(conn, JobKind.TRIAL, project_id):
            raise Refused("Methods are being compared already. Wait for it, or cancel it first.")
        snapshot = snapshots.freeze(conn, access.workspace, project_id)
        encoders = covering(conn, project_id, snapshot.counts["images"])
        refusal = why_not(snapshot, encoders)
        if refusal:
            raise Refused(refusal)
        settings = projects.find_project(conn, project_id).settings
        params = {
            "snapshot_id": snapshot.id,
            "embedding_ids": [_embedding(conn, project_id, each) for each in encoders],
            "averaged": learned(encoders),
            "also": list(dict.fromkeys(also)),
            "configs": {
                each: {"flip": settings.flip}
                for each in also
                if "flip" in CARDS[each].options.model_fields
            },
            "seed": seed,
        }
        return queue.enqueue(conn, project_id, JobKind.TRIAL, params, access.reader_id)


def why_not(snapshot: SnapshotRow, encoders: Sequence[str]) -> str:
    """What a comparison on these labels lacks, with the mend; "" where it can start."""
    accepted = snapshot.counts["sources"][Source.ACCEPTED.name.lower()]
    return lacking(snapshot.counts["labelled"] - accepted, encoders)


def lacking(experts: int, encoders: Sequence[str]) -> str:
    """As `why_not`, by the number of labels to train on that readers gave."""
    if experts < LEAST_LABELS:
        more = count(LEAST_LABELS - experts, "more label")
        return f"Methods can be compared on {LEAST_LABELS} labels and more: give {more} first."
    if not encoders:
        return "Methods are compared on features: embed all images first."
    return ""


def covering(conn: Connection, project_id: int, images: int) -> list[str]:
    """The encoders whose newest features cover so many images, newest first."""
    found = newest_of_encoders(conn, project_id)
    return [each.encoder for each in found if each.count >= images]


def _embedding(conn: Connection, project_id: int, encoder: str) -> int:
    row = latest_embedding(conn, project_id, encoder)
    assert row is not None  # it is one of those that `covering` named
    return int(row["id"])


def read_compared(access: Access, project: str | int | None) -> PastTrials | None:
    """The newest comparison that has ended, or None."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id)
        return newest_compared(conn, project_id)


def newest_compared(conn: Connection, project_id: int) -> PastTrials | None:
    """As `read_compared`, in an open transaction."""
    for row in history.newest_jobs(conn, project_id, kind=JobKind.TRIAL):
        if row["state"] == JobState.DONE:
            snapshot = find_snapshot(conn, row["params"]["snapshot_id"])
            return PastTrials(
                job_id=row["id"],
                snapshot=snapshot.hash,
                labelled=snapshot.counts["labelled"],
                seed=row["params"]["seed"],
                trials=[Trial.of_row(each) for each in row["result"]["trials"]],
            )
    return None


@dataclass(frozen=True, eq=False)
class Suggested:
    """What is suggested for the labels as they are, and what that rests on.

    Attributes:
        labelled: labels to train on.
        trials: of the newest comparison, the ensemble first; empty without one that stands.
    """

    suggestion: Suggestion
    labelled: int
    trials: list[Trial]

    @property
    def alpha(self) -> float:
        """Of the interval of each."""
        return widened(self.trials)

    @property
    def rows(self) -> list[dict[str, str]]:
        """A line a method: how often it was right, and how it differs from the ensemble."""
        return rows_of(self.trials)


def suggested_now(access: Access, project: str | int | None) -> Suggested:
    """What to offer for the labels as they are."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        state = load_state(conn, project_id)
        return suggested_for(
            conn,
            project_id,
            labelled=len(state.labelled),
            classes=len(state.class_ids),
            images=len(state.labels),
        )


def suggestion_for(
    conn: Connection, project_id: int, snapshot: SnapshotRow, gear: Gear | None = None
) -> Suggestion:
    """What to offer for a snapshot, by the newest comparison if there was one."""
    labelled, images = snapshot.counts["labelled"], snapshot.counts["images"]
    classes = len(snapshot.class_ids)
    found = suggested_for(
        conn, project_id, labelled=labelled, classes=classes, images=images, gear=gear
    )
    return found.suggestion


def suggested_for(
    conn: Connection,
    project_id: int,
    *,
    labelled: int,
    classes: int,
    images: int,
    gear: Gear | None = None,
) -> Suggested:
    """What to offer in an open transaction.

    Args:
        labelled, classes, images: how many there are.
        gear: the one that was asked for.
    """
    compared = newest_compared(conn, project_id)
    encoders = covering(conn, project_id, images)
    trials = [] if compared is None else standing(compared.trials, encoders)
    suggestion = suggest(
        labels=labelled, classes=classes, encoders=encoders, gear=gear, trials=trials
    )
    return Suggested(suggestion, labelled, trials)


def standing(trials: Sequence[Trial], encoders: Sequence[str]) -> list[Trial]:
    """The trials, if what they were about is still there: their encoders, and no other one."""
    seen = {each for trial in trials for each in trial.encoders}
    return list(trials) if seen == set(encoders) else []


def rows_of(trials: Sequence[Trial]) -> list[dict[str, str]]:
    """A line a method, the ensemble first: how often it was right, and how it differs from it."""
    alpha = widened(trials)
    return [
        {
            "Method": CARDS[each.method].title if each.method in CARDS else each.method,
            "Sees": " and ".join(map(encoder_title, each.encoders)) or "the images",
            "Right": proportion(each.accuracy, each.judged),
            "Against the ensemble": _difference(each, alpha) if number else "–",
            "Took": duration(each.seconds),
        }
        for number, each in enumerate(trials)
    ]


def _difference(trial: Trial, alpha: float) -> str:
    if not trial.only_this and not trial.only_ensemble:
        return "the same answers"
    low, high = (_points(end) for end in trial.interval(alpha))
    return f"{_points(trial.difference)} points ({low} to {high})"


def _points(difference: float) -> str:
    rounded = round(100 * difference)
    return f"{'−' if rounded < 0 else '+' if rounded else ''}{abs(rounded)}"
