"""Hidden true labels that come after their images, from a list: taken in once, and never changed.

They are in no event, which readers may read: it holds the sha256 over those of every import that
got some, as they stood afterwards.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.store.database import lock_project
from sslapp.store.errors import Refused
from sslapp.store.images import ImageSetRow, image_sets, true_labels, truth_hash
from sslapp.store.integrity import seals
from sslapp.store.log.chain import Event
from sslapp.store.log.events import append
from sslapp.store.log.verify import RESTORE
from sslapp.store.schema import image_set, true_label
from sslapp.vocabulary import EventKind

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class AgainstTruth:
    """How labels stand to the true labels that are there.

    Attributes:
        new: images that have none.
        same: that have this one.
        other: that have another one.
        imports: names of the imports that brought these others.
    """

    new: int
    same: int
    other: int
    imports: tuple[str, ...]

    def check(self) -> None:
        """Check that they change nothing and bring something.

        Raises:
            Refused: otherwise, with the counts alone: which images differ would tell their class.
        """
        if self.other:
            where = ", ".join(f'"{each}"' for each in self.imports)
            raise Refused(
                f"A true label never changes: {self.other:,} of these differ from one that is here "
                f"and {self.same:,} agree. Leave the images out that came with theirs ({where})."
            )
        if not self.new:
            raise Refused(f"All of these {self.same:,} true labels are here already.")


def against_truth(
    conn: Connection, project_id: int, positions: Numbers, class_ids: Numbers
) -> AgainstTruth:
    """Compare labels with the true labels of a project.

    Args:
        positions: (n,) the images, each once.
        class_ids: (n,) their classes.
    """
    held = true_labels(conn, project_id)[positions]
    differs = (held >= 0) & (held != class_ids)
    hit = [
        each.name
        for each in image_sets(conn, project_id)
        if _within(each, positions[differs]).any()
    ]
    return AgainstTruth(
        int((held < 0).sum()), int((held == class_ids).sum()), int(differs.sum()), tuple(hit)
    )


def import_true_labels(
    conn: Connection,
    project_id: int,
    reader_id: int | None,
    positions: Numbers,
    class_ids: Numbers,
    *,
    file: str,
    sha256: str,
) -> int:
    """Take in the true labels of images that have none, log that, and return how many.

    Args:
        conn: a write transaction.
        project_id: the project.
        reader_id: who brings them.
        positions: (n,) images of the project, each once.
        class_ids: (n,) classes of the project.
        file, sha256: what they were read from.

    Raises:
        Refused: when one would change a true label, or none is new.
    """
    lock_project(conn, project_id)
    against_truth(conn, project_id, positions, class_ids).check()
    new = true_labels(conn, project_id)[positions] < 0
    rows = [
        {"project_id": project_id, "position": position, "class_id": class_id}
        for position, class_id in zip(positions[new].tolist(), class_ids[new].tolist(), strict=True)
    ]
    conn.execute(true_label.insert(), rows)
    append(
        conn,
        project_id,
        EventKind.IMPORT_TRUTH,
        key=f"import_truth:{uuid.uuid4().hex}",
        reader_id=reader_id,
        payload={
            "file": file,
            "sha256": sha256,
            "images": len(rows),
            "imports": _sealed(conn, project_id, positions[new]),
        },
    )
    return len(rows)


def _sealed(conn: Connection, project_id: int, positions: Numbers) -> list[dict[str, int | str]]:
    """Keep the hash of the true labels of every import that got some; what the event says of it."""
    told: list[dict[str, int | str]] = []
    for each in image_sets(conn, project_id):
        if _within(each, positions).any():
            truth = truth_hash(conn, project_id, each.first, each.count)
            seals.update(conn, image_set, [image_set.c.id == each.id], {"truth": truth})
            told.append({"first": each.first, "count": each.count, "sha256": truth})
    return told


def wrong_truth(conn: Connection, project_id: int, facts: Sequence[Event]) -> Iterator[str]:
    """Sentences on imports whose true labels are not what the log says of them."""
    told: dict[int, tuple[int, str, int]] = {}
    for fact in facts:
        if fact.kind is EventKind.IMPORT_TRUTH:
            for each in fact.payload["imports"]:
                told[each["first"]] = each["count"], each["sha256"], fact.number
    for first, (count, sha256, number) in told.items():
        if truth_hash(conn, project_id, first, count) != sha256:
            yield (
                f"true_label: those of images {first} to {first + count - 1} are not what event "
                f"{number} left. {RESTORE}"
            )


def _within(each: ImageSetRow, positions: Numbers) -> NDArray[np.bool_]:
    return (positions >= each.first) & (positions < each.first + each.count)
