"""The queue of images that a reader reads: refilled ahead, leased, and swept of what is gone.

A page holds some fifty images in hand and asks for more before they run out. While the project
asks for single reads, what a page has in hand is leased to its reader: nobody else is offered it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from sslapp.acquisition.cards import STRATEGY_CARDS
from sslapp.acquisition.state import Pick
from sslapp.store import label_classes, projects
from sslapp.store.database import reading, writing
from sslapp.store.embeddings import is_embedded, latest_embedding
from sslapp.store.images import image_count, pixel_hashes
from sslapp.store.label_classes import ClassRow
from sslapp.store.labels import current_labels, none_among
from sslapp.store.log.chain import now
from sslapp.store.log.decisions import positions_decided
from sslapp.store.log.kinds import kinds_where
from sslapp.store.metadata.values import shown_values
from sslapp.store.people import leases
from sslapp.store.rounds import FinishedRound, newest_finished
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.images.similar import text_weights
from sslapp.usecases.labelling.picks import BLIND_STRATEGIES, NotEmbedded, next_images
from sslapp.vocabulary import Purpose

CHUNK = 50
DEFAULT_STRATEGY = "auto"
LEASE = timedelta(minutes=10)

CONSIDERED = 10_000
"""Images that are compared for one refill, so that it takes a second or two in any project. A
typical image of ten thousand drawn at random is typical of the million they come from."""


@dataclass(frozen=True)
class OfferedImage:
    """An image to read, with no word about what any round predicts for it.

    Unless the strategy is "disagreement", whose reason says what the members of the newest round
    say. `image` is its content hash.
    """

    position: int
    image: str
    reason: str
    strategy: str


@dataclass(frozen=True)
class Offer:
    """What a page gets.

    Attributes:
        items: further images, in the order to read them.
        note: why they were not chosen as asked; "" when they were.
        gone: of the images in hand, those somebody has decided or holds by now.
        images: of the images in hand, position -> content hash, by which the page shows them.
        metadata: of all of them, position -> (column, value) pairs that the project allows.
    """

    items: list[OfferedImage]
    note: str
    gone: list[int]
    images: dict[int, str]
    metadata: dict[int, list[tuple[str, str]]]


@dataclass(frozen=True)
class StrategyChoice:
    """A strategy for the next images; `why_not` says what it lacks, "" when nothing."""

    name: str
    title: str
    about: str
    why_not: str


@dataclass(frozen=True)
class Opening:
    """What a page needs before the first image.

    Attributes:
        images: of the project, of every split.
        classes: live ones in column order.
        strategies: how the next images may be chosen.
    """

    images: int
    classes: list[ClassRow]
    strategies: list[StrategyChoice]


def opening(access: Access, project: str | int | None) -> Opening:
    """Read what the page for labelling begins with."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        newest = newest_finished(conn, project_id)
        row = latest_embedding(conn, project_id)
        words = row is not None and text_weights(access, row) is not None
        return Opening(
            images=image_count(conn, project_id),
            classes=label_classes.classes(conn, project_id),
            strategies=_strategies(newest, is_embedded(conn, project_id), words=words),
        )


def _strategies(
    newest: FinishedRound | None, embedded: bool, *, words: bool
) -> list[StrategyChoice]:
    has_members = newest is not None and newest.members is not None
    found = []
    for name, choice in STRATEGY_CARDS.items():
        if choice.needs_text and not words:
            continue
        why_not = "needs a round" if choice.needs_round and newest is None else ""
        if choice.needs_members and not has_members:
            why_not = "needs an ensemble"
        if not embedded and name not in BLIND_STRATEGIES:
            why_not = "needs an embedding"
        found.append(StrategyChoice(name, choice.title, choice.about, why_not))
    return found


def refill(
    access: Access,
    project: str | int | None,
    *,
    have: Sequence[int] = (),
    count: int = CHUNK,
    strategy: str = DEFAULT_STRATEGY,
) -> Offer:
    """Choose and lease up to `count` further images.

    Args:
        have: images that the page has in hand.

    Raises:
        ValueError: for an unknown strategy, or one that needs a round, or one with members, before
            there is one.
    """
    note = ""
    try:
        picks = next_images(
            access,
            project,
            count,
            strategy=strategy,
            have=have,
            considered=CONSIDERED,
            spread=True,
        )
    except NotEmbedded:
        note = "Not all images are embedded yet, so they come at random."
        picks = next_images(
            access, project, count, strategy=strategy, have=have, embedded=False, spread=True
        )
    granted = _lease(access, project, [*have, *(each.position for each in picks)])
    offered = [each for each in picks if each.position in granted]
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        in_hand = [*have, *(each.position for each in offered)]
        hashes = pixel_hashes(conn, project_id, in_hand)
        metadata = shown_values(conn, project_id, in_hand)
    return Offer(
        items=[_offered(each, hashes[each.position]) for each in offered],
        note=note,
        gone=_gone(access, project, have, granted),
        images={each: hashes[each] for each in have if each in hashes},
        metadata=metadata,
    )


def keep(access: Access, project: str | int | None, queue: Sequence[int]) -> list[int]:
    """Renew the leases of the images in hand; return those that are gone."""
    granted = _lease(access, project, queue) if queue else set()
    return _gone(access, project, queue, granted)


def release(
    access: Access, project: str | int | None, positions: Sequence[int] | None = None
) -> None:
    """Let go of images, or of all that the reader has in hand."""
    chosen = None if positions is None else np.unique(np.asarray(positions, dtype=np.int64))
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        leases.release(conn, project_id, access.reader_id, Purpose.LABEL, chosen)


def _offered(pick: Pick, image: str) -> OfferedImage:
    return OfferedImage(pick.position, image, pick.reason, pick.strategy)


def _lease(access: Access, project: str | int | None, wanted: Sequence[int]) -> set[int]:
    """The images of `wanted` that the reader may have in hand; leased to them for a while.

    A lease that has more than half of its time left is not renewed: this is called after every
    key, and a write costs the disk's time.
    """
    moment = now()
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        if not projects.find_project(conn, project_id).settings.single_reads:
            return set(wanted)
        held = leases.held(conn, project_id, access.reader_id, Purpose.LABEL, moment + LEASE / 2)
        if held.issuperset(wanted):
            return set(wanted)
        positions = np.unique(np.asarray(wanted, dtype=np.int64))
        positions = positions[positions < image_count(conn, project_id)]
    with writing(access.engine) as conn:
        granted = leases.take(
            conn, project_id, access.reader_id, positions, Purpose.LABEL, moment, moment + LEASE
        )
    return set(granted.tolist())


def _gone(
    access: Access, project: str | int | None, have: Sequence[int], granted: Collection[int]
) -> list[int]:
    if not have:
        return []
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        # in another window say
        aside = kinds_where(lambda rule: rule.puts_aside)
        done = positions_decided(conn, project_id, access.reader_id, aside, have)
        done |= current_labels(conn, project_id, have).keys()
        live = [each.id for each in label_classes.classes(conn, project_id)]
        done |= none_among(conn, project_id, live, have)
    return [each for each in have if each in done or each not in granted]
