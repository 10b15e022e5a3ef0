"""The queue of images that a reader reads: refilled ahead, leased, and swept of what is gone.

A page holds some fifty images in hand and asks for more before they run out. While the project
asks for single reads, what a page has in hand is leased to its reader: nobody else is offered it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from sqlalchemy import Connection, select

from sslapp.acquisition.cards import STRATEGY_CARDS
from sslapp.acquisition.state import Pick
from sslapp.store import leases, projects
from sslapp.store.database import reading, writing
from sslapp.store.embeddings import latest_embedding
from sslapp.store.images import image_count, pixel_hashes
from sslapp.store.log.chain import now
from sslapp.store.log.kinds import kinds_where
from sslapp.store.projects import ClassRow
from sslapp.store.rounds import finished
from sslapp.store.schema import current_label, event, label_class, lease, round_, undone
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.labelling.picks import NotEmbedded, next_images
from sslapp.vocabulary import Purpose

CHUNK = 50
DEFAULT_STRATEGY = "auto"
LEASE = timedelta(minutes=10)

CONSIDERED = 10_000
"""Images that are compared for one refill, so that it takes a second or two in any project. A
typical image of ten thousand drawn at random is typical of the million they come from."""


@dataclass(frozen=True)
class Item:
    """An image to read, with no word about what any round predicts for it.

    `image` is its content hash.
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
    """

    items: list[Item]
    note: str
    gone: list[int]
    images: dict[int, str]


@dataclass(frozen=True)
class Way:
    """A way to choose the next images; `why_not` says what it lacks, "" when nothing."""

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
        ways: how the next images may be chosen.
    """

    images: int
    classes: list[ClassRow]
    ways: list[Way]


def opening(access: Access, project: str | int | None) -> Opening:
    """Read what the page for labelling begins with."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        done = select(round_.c.id).where(finished(project_id))
        has_round = conn.execute(done.limit(1)).scalar() is not None
        embedded = latest_embedding(conn, project_id) is not None
        return Opening(
            images=image_count(conn, project_id),
            classes=projects.classes(conn, project_id),
            ways=_ways(has_round, embedded),
        )


def _ways(has_round: bool, embedded: bool) -> list[Way]:
    found = []
    for name, choice in STRATEGY_CARDS.items():
        why_not = "needs a round" if choice.needs_round and not has_round else ""
        if not embedded and name not in (DEFAULT_STRATEGY, "random"):
            why_not = "needs an embedding"
        found.append(Way(name, choice.title, choice.about, why_not))
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
        ValueError: for an unknown strategy, or one that needs a round before there is one.
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
        hashes = pixel_hashes(conn, project_id, [*have, *(each.position for each in offered)])
    return Offer(
        items=[_item(each, hashes[each.position]) for each in offered],
        note=note,
        gone=_gone(access, project, have, granted),
        images={each: hashes[each] for each in have if each in hashes},
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


def _item(pick: Pick, image: str) -> Item:
    return Item(pick.position, image, pick.reason, pick.strategy)


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
        held = select(lease.c.position).where(
            lease.c.project_id == project_id,
            lease.c.reader_id == access.reader_id,
            lease.c.purpose == Purpose.LABEL.value,
            lease.c.expires_at > moment + LEASE / 2,
        )
        if set(wanted) <= set(conn.execute(held).scalars()):
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
        done = _labelled(conn, project_id, have) | _put_aside(conn, access, project_id, have)
    return [each for each in have if each in done or each not in granted]


def _labelled(conn: Connection, project_id: int, have: Sequence[int]) -> set[int]:
    query = (
        select(current_label.c.position)
        .join(label_class, label_class.c.id == current_label.c.class_id)
        .where(
            current_label.c.project_id == project_id,
            current_label.c.position.in_(have),
            ~label_class.c.retired,
        )
    )
    return set(conn.execute(query).scalars())


def _put_aside(conn: Connection, access: Access, project_id: int, have: Sequence[int]) -> set[int]:
    """Images that this reader skipped or was unsure of, in another window say."""
    query = (
        select(event.c.position)
        .outerjoin(
            undone,
            (undone.c.project_id == event.c.project_id) & (undone.c.number == event.c.number),
        )
        .where(
            event.c.project_id == project_id,
            event.c.position.in_(have),
            event.c.reader_id == access.reader_id,
            event.c.kind.in_(kinds_where(lambda rule: rule.puts_aside)),
            undone.c.number.is_(None),
        )
    )
    return set(conn.execute(query).scalars())
