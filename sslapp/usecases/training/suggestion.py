"""The method to begin a round with, where nobody has chosen one, and why.

In the features gear it is the ensemble. Each of its members is the best on some set: prototypes
follow the images' own clusters, which need not be the classes, and the linear probe knows nothing
of the unlabelled images. Another is named only where methods were compared on the reader's own
labels and it was better by more than chance (`review.trial`). docs/methods.md, Suggestion, has what
that is worth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from sslapp.methods.registry import CARDS
from sslapp.review.trial import Trial, parted, widened
from sslapp.store.database import reading
from sslapp.store.embeddings import newest_of_encoders
from sslapp.store.state import load_state
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.images.embeddings import DEFAULT_ENCODER, encoder_title
from sslapp.usecases.training.trials import PastTrials, covering, newest_compared, rows_of, title_of
from sslapp.vocabulary import Gear
from sslapp.words import count, proportion

NETWORK, ENSEMBLE = "fixmatch", "head-ensemble"
"""Names of the methods: on pixels, and on features."""

FEW_A_CLASS = 25
"""Labels, divided by classes, up to which features of a learned encoder are offered first."""


@dataclass(frozen=True)
class Suggestion:
    """A method, the gear to run it in, and a sentence that says why.

    Attributes:
        encoder: whose features it should see; None for all at hand, or where it sees none.
        config: options that differ from the method's own.
    """

    method: str
    gear: Gear
    reason: str
    encoder: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)


def suggest(
    *,
    labels: int,
    classes: int,
    encoders: Sequence[str],
    gear: Gear | None = None,
    trials: Sequence[Trial] = (),
) -> Suggestion:
    """What to offer first.

    Args:
        labels: to train on.
        classes: C.
        encoders: whose features cover all images.
        gear: the one that was asked for; None lets the features gear come first while labels are
            few and some features are those of a network that has learned from many images.
        trials: how methods did on the reader's labels, the ensemble first; empty before that.
    """
    if gear is None and not network_tried(trials):
        gear = None if _features_first(labels, classes, encoders) else Gear.PIXELS
    best = parted(trials, gear) if trials else None
    if best is not None:
        return _better(best)
    if gear is Gear.PIXELS:
        return Suggestion(NETWORK, Gear.PIXELS, _why_network(classes, encoders))
    if trials:
        return _ensemble(trials)
    reason = (
        "The ensemble averages three quick methods: which of them is best alone cannot be told "
        f"from {count(labels, 'label')} unseen."
    )
    return Suggestion(ENSEMBLE, Gear.FEATURES, reason)


def network_tried(trials: Sequence[Trial]) -> bool:
    """Whether a network was compared with the ensemble."""
    return any(each.gear is Gear.PIXELS for each in trials)


def _features_first(labels: int, classes: int, encoders: Sequence[str]) -> bool:
    return any(each != DEFAULT_ENCODER for each in encoders) and labels <= FEW_A_CLASS * classes


def _why_network(classes: int, encoders: Sequence[str]) -> str:
    if any(each != DEFAULT_ENCODER for each in encoders):
        return (
            f"FixMatch trains the network itself, beyond the {FEW_A_CLASS * classes:,} labels for "
            "which features are offered first."
        )
    return "FixMatch trains the network itself: there are no features of a learned encoder."


def _ensemble(trials: Sequence[Trial]) -> Suggestion:
    ensemble = trials[0]
    others = count(len(trials) - 1, "other")
    verb = "is" if len(trials) == 2 else "are"
    reason = (
        f"Asked about {count(ensemble.judged, 'label')} that it was not taught, the ensemble "
        f"was right about {proportion(ensemble.accuracy, ensemble.judged)}; {others} {verb} "
        "not better by more than chance."
    )
    return Suggestion(ENSEMBLE, Gear.FEATURES, reason)


def _better(best: Trial) -> Suggestion:
    reason = (
        f"Asked about {count(best.judged, 'label')} that it was not taught, {called(best)} was "
        f"right about {best.only_this:,} that the ensemble missed, and missed "
        f"{best.only_ensemble:,} that the ensemble knew: more than chance."
    )
    encoder = best.encoders[0] if len(best.encoders) == 1 else None
    return Suggestion(best.method, best.gear, reason, encoder, best.config)


def called(trial: Trial) -> str:
    """ "Label propagation on EfficientNet-Lite0", "FixMatch on pixels"."""
    title = title_of(trial)
    if trial.gear is Gear.PIXELS:
        return f"{title} on pixels"
    return f"{title} on {' and '.join(encoder_title(each) for each in trial.encoders)}"


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
        return read_suggested(
            conn,
            project_id,
            labelled=len(state.labelled),
            class_ids=state.class_ids.tolist(),
            images=len(state.labels),
        )


def read_suggested(
    conn: Connection,
    project_id: int,
    *,
    labelled: int,
    class_ids: Sequence[int],
    images: int,
    gear: Gear | None = None,
) -> Suggested:
    """What to offer in an open transaction.

    Args:
        labelled: labels to train on.
        class_ids: the classes.
        images: how many there are.
        gear: the one that was asked for.
    """
    encoders = covering(newest_of_encoders(conn, project_id), images)
    compared = newest_compared(conn, project_id)
    return suggested(compared, labelled=labelled, class_ids=class_ids, encoders=encoders, gear=gear)


def suggested(
    compared: PastTrials | None,
    *,
    labelled: int,
    class_ids: Sequence[int],
    encoders: Sequence[str],
    gear: Gear | None = None,
) -> Suggested:
    """What to offer.

    Args:
        compared: the newest comparison; what it found counts while it stands, of methods that are
            still here.
        labelled, class_ids: labels to train on, and classes.
        encoders: whose features cover all images.
        gear: the one that was asked for.
    """
    trials: list[Trial] = []
    if compared is not None and compared.stands(
        labelled=labelled, class_ids=class_ids, encoders=encoders
    ):
        trials = [each for each in compared.trials if each.method in CARDS]
    suggestion = suggest(
        labels=labelled, classes=len(class_ids), encoders=encoders, gear=gear, trials=trials
    )
    return Suggested(suggestion, labelled, trials)
