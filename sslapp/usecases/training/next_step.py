"""What to do next in a project: one sentence, and the page it is done on."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from sslapp.jobs import history
from sslapp.review.trial import Trial, parted
from sslapp.store import rounds
from sslapp.store.database import reading
from sslapp.store.embeddings import encoders_of, is_embedded, newest_of_encoders
from sslapp.store.log.decisions import count_on_round
from sslapp.store.log.kinds import kinds_where
from sslapp.store.rounds import FinishedRound
from sslapp.training.calibration.sources import LEAST_HOLDOUT
from sslapp.usecases.access import Access, require
from sslapp.usecases.images.embeddings import DEFAULT_ENCODER, encoder_for_set, encoder_title
from sslapp.usecases.projects.status import Status
from sslapp.usecases.training.suggestion import (
    FEW_A_CLASS,
    Suggested,
    called,
    network_tried,
    read_suggested,
)
from sslapp.usecases.training.trials import covering
from sslapp.vocabulary import Gear, JobKind
from sslapp.words import count

REVIEWS = kinds_where(lambda rule: rule.verdict or rule.bulk)
"""Kinds by which a reader answers a round's pseudo-labels."""


class Page(StrEnum):
    """The pages that a step leads to, by the names of their files."""

    PROJECTS = "projects"
    LABEL = "label"
    TRAIN = "train"
    REVIEW = "review"
    EXPORT = "export"


@dataclass(frozen=True)
class NextStep:
    """The next step.

    Attributes:
        sentence: what to do, and why.
        page: where; PROJECTS for what is done on this page or only takes time.
    """

    sentence: str
    page: Page


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the next step depends on.

    Attributes:
        images, pool: how many there are.
        classes: classes in use.
        bare: classes among them without a label that a round would learn from.
        single: classes among them with one such label.
        labelled: labels that a round would learn from.
        embedded: whether there is an embedding.
        working: kinds of the jobs that wait or run.
        holdout: labels of the holdout.
        round_number: the newest finished round, 0 for none.
        calibrated: whether it is.
        contradicted: whether it calls nearly all one class and the holdout contradicts it.
        reviews: how often its pseudo-labels were answered.
        sure: images for which it proposed a class at the usual threshold when it ended; None for
            a round of an earlier version.
        since: labels to train on that came after it was started.
        better: what a comparison on the reader's labels names in place of the ensemble; "" for
            nothing, or where the round was that.
        compared: whether a network was compared with the ensemble on labels that still stand, or
            cannot be.
        encoder: title of an encoder that could be had and suits the images better than what they
            are embedded by; "" for none.
    """

    images: int
    pool: int
    classes: int
    bare: int
    single: int
    labelled: int
    holdout: int
    embedded: bool
    working: frozenset[JobKind]
    round_number: int
    calibrated: bool
    contradicted: bool
    reviews: int
    sure: int | None
    since: int
    better: str
    compared: bool
    encoder: str


def next_step(facts: Facts) -> NextStep:
    """The next step, the first of what is missing."""
    return _before_labels(facts) or _before_a_round(facts) or _after_a_round(facts)


def _before_labels(facts: Facts) -> NextStep | None:
    if not facts.images and {JobKind.IMPORT, JobKind.SIBLING} & facts.working:
        return NextStep(
            "The images are on their way; they appear here when all are in.", Page.PROJECTS
        )
    if not facts.images and JobKind.LOOK in facts.working:
        return NextStep(
            "The images are being looked at; then this page shows what an import would bring.",
            Page.PROJECTS,
        )
    if not facts.images:
        return NextStep("Import images first.", Page.PROJECTS)
    if not facts.classes:
        return NextStep("Add the classes that images are to be told apart by.", Page.PROJECTS)
    return None


def _before_a_round(facts: Facts) -> NextStep | None:
    if JobKind.ROUND in facts.working:
        return NextStep("A round is training; follow it.", Page.TRAIN)
    if not facts.labelled:
        return NextStep(f"Label a few images of each of the {facts.classes} classes.", Page.LABEL)
    if facts.bare and not facts.round_number:
        have = "has" if facts.bare == 1 else "have"
        sentence = f"{facts.bare} of {facts.classes} classes {have} no label yet."
        return NextStep(f"{sentence} Label a few images of each.", Page.LABEL)
    if not facts.embedded:
        wait = JobKind.EMBED in facts.working
        sentence = (
            "The images are being embedded; go on labelling meanwhile."
            if wait
            else "Embed the images, so that rounds can be reviewed in the embedding map."
        )
        return NextStep(sentence, Page.LABEL if wait else Page.PROJECTS)
    return None if facts.round_number else _first_round(facts)


def _first_round(facts: Facts) -> NextStep:
    if facts.single and facts.holdout < LEAST_HOLDOUT:
        have = "has" if facts.single == 1 else "have"
        sentence = f"{facts.single} of {facts.classes} classes {have} a single label."
        return NextStep(
            f"{sentence} A second one of each lets a round find out how sure it may be.", Page.LABEL
        )
    return NextStep("Train a first round on your labels.", Page.TRAIN)


def _after_a_round(facts: Facts) -> NextStep:
    number = facts.round_number
    if not facts.pool:
        return NextStep("Every image has its label. Export the data set.", Page.EXPORT)
    if not facts.calibrated:
        missing = count(max(LEAST_HOLDOUT - facts.holdout, 0), "more image")
        if facts.holdout >= LEAST_HOLDOUT:
            return NextStep("The holdout calibrates the next round: train it.", Page.TRAIN)
        return NextStep(
            f"Round {number} is uncalibrated and proposes nothing: label {missing} of the holdout, "
            "and train again.",
            Page.LABEL,
        )
    if facts.contradicted:
        return NextStep(
            f"Round {number} calls nearly everything one class, and the holdout contradicts it: "
            "label more of the other classes, or train another method.",
            Page.LABEL,
        )
    if not facts.reviews:
        return _sure_of_nothing(facts) if facts.sure == 0 else _review(facts)
    sentence = (
        f"You have answered pseudo-labels of round {number}. Go on, or train the next round on "
        "what you decided."
    )
    if facts.holdout < LEAST_HOLDOUT:
        has = count(facts.holdout, "label")
        sentence += f" Its holdout has {has}: {LEAST_HOLDOUT} tell how right it is."
    return NextStep(sentence, Page.TRAIN)


def _review(facts: Facts) -> NextStep:
    what = f"the {count(facts.sure, 'image')} it was sure of" if facts.sure else "its pseudo-labels"
    return NextStep(f"Round {facts.round_number} is done: review {what}.", Page.REVIEW)


def _sure_of_nothing(facts: Facts) -> NextStep:
    """What a quarter of an hour is best spent on where a round has nothing to review."""
    sure = f"Round {facts.round_number} is sure of no image."
    if facts.since:
        came = f"{count(facts.since, 'label')} came" if facts.since > 1 else "1 label came"
        return NextStep(f"{sure} {came} after it: train the next round.", Page.TRAIN)
    if facts.encoder:
        return NextStep(
            f"{sure} Embed the images by {facts.encoder}: it has learned from photographs, and "
            "pixels alone tell little of them.",
            Page.PROJECTS,
        )
    if facts.better:
        return NextStep(f"{sure} On your labels {facts.better} is better: train it.", Page.TRAIN)
    if not facts.compared and facts.labelled > FEW_A_CLASS * facts.classes:
        return NextStep(
            f"{sure} {count(facts.labelled, 'label')} are enough to train a network: compare "
            "methods on them, FixMatch among them.",
            Page.TRAIN,
        )
    return NextStep(
        f"{sure} Label 20 more of the images it can tell least; 20 labels are minutes, and with "
        "few of them more tell more than another method.",
        Page.LABEL,
    )


def _better(conn: Connection, newest: FinishedRound | None, offered: Suggested) -> str:
    """What the suggestion names by the reader's labels, unless the newest round was that."""
    best = parted(offered.trials) if offered.trials else None
    if best is None or best.method != offered.suggestion.method:
        return ""
    return "" if newest is not None and _was(conn, newest, best) else called(best)


def _was(conn: Connection, newest: FinishedRound, best: Trial) -> bool:
    """Whether a round was what a trial is about."""
    if (newest.method, newest.gear) != (best.method, best.gear):
        return False
    return best.gear is Gear.PIXELS or set(encoders_of(conn, newest)) == set(best.encoders)


def _encoder(conn: Connection, access: Access, found: Status) -> str:
    """The encoder to begin with on images of this size, if only their pixels are embedded."""
    if not found.sets or any(
        each.encoder != DEFAULT_ENCODER for each in newest_of_encoders(conn, found.project_id)
    ):
        return ""
    wanted = encoder_for_set(found.sets[0], access.workspace)
    return "" if wanted == DEFAULT_ENCODER else encoder_title(wanted)


def read_facts(access: Access, found: Status) -> Facts:
    """The facts of a project whose status was just read."""
    with reading(access.engine) as conn:
        require(conn, access, found.project_id)
        newest = rounds.newest_finished(conn, found.project_id)
        offered = read_suggested(
            conn,
            found.project_id,
            labelled=int(found.taught.sum()),
            class_ids=[each.id for each in found.classes],
            images=found.counts["images"],
        )
        working = history.active_jobs(conn, found.project_id)
        sure = None if newest is None else newest.metrics.get("sure")
        return Facts(
            images=found.counts["images"],
            pool=found.counts["pool"],
            classes=len(found.classes),
            bare=int((found.taught == 0).sum()),
            single=int((found.taught == 1).sum()),
            labelled=int(found.taught.sum()),
            holdout=found.counts["holdout_labelled"],
            embedded=is_embedded(conn, found.project_id),
            working=frozenset(JobKind(each["kind"]) for each in working),
            round_number=0 if newest is None else newest.number,
            calibrated=newest is None or newest.proposes or newest.is_calibrated,
            contradicted=newest is not None and newest.is_calibrated and not newest.proposes,
            reviews=0
            if newest is None
            else count_on_round(conn, found.project_id, newest.id, REVIEWS),
            sure=sure,
            since=0
            if newest is None
            else max(int(found.taught.sum()) - newest.snapshot.counts["labelled"], 0),
            better=_better(conn, newest, offered),
            compared=network_tried(offered.trials)
            or not covering(newest_of_encoders(conn, found.project_id), found.counts["images"]),
            encoder=_encoder(conn, access, found) if sure == 0 else "",
        )
