"""Lists as proposals to review: what another model predicted becomes a round that nothing trained.

Images that the list does not name are proposed nothing. The holdout calibrates the round where the
list names enough of its labels; without that a confidence is what the list says.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp import durable
from sslapp.datasets.tables.label_list import ListReading
from sslapp.jobs import queue
from sslapp.methods.imported_predictions.config import CARD
from sslapp.review.candidates import DEFAULT_THRESHOLD, says_nothing
from sslapp.rounds.starting import add_round
from sslapp.store import snapshots
from sslapp.store.database import reading as reading_of
from sslapp.store.database import writing
from sslapp.store.errors import Refused
from sslapp.store.integrity import files
from sslapp.store.rounds import LISTED
from sslapp.store.snapshots import SnapshotRow
from sslapp.store.state import load_state
from sslapp.training.calibration.sources import LEAST_HOLDOUT
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.labelling.read_lists import ReadList, ReadPlan, read_list
from sslapp.vocabulary import JobKind
from sslapp.words import count

GEAR = "list"
"""In place of a round's gear."""


@dataclass(frozen=True, kw_only=True)
class ProposalPlan(ReadPlan):
    """What a list does as proposals.

    Attributes:
        images: that it names.
        pool: of these, in the pool, where alone something is proposed;
        sure: and of these, with a confidence of DEFAULT_THRESHOLD and more.
        silent: images for which it says no class more than any other.
        holdout: labels of the holdout that it can be calibrated and measured on.
        without: classes for which it has no column of its own; [] for a class and a confidence.
    """

    images: int
    pool: int
    sure: int
    silent: int
    holdout: int
    without: list[str]

    def outcome(self) -> list[str]:
        """What would be saved, or why nothing."""
        if self.wrong:
            return ["No round would be made.", *self.refusals()]
        said = [
            f"A round of proposals for {count(self.images, 'image')}, {self.pool:,} of them in the "
            f"pool; {self.sure:,} of these with a confidence of {DEFAULT_THRESHOLD} and more."
        ]
        if self.silent:
            said.append(
                f"{count(self.silent, 'image')} with no class more than another: nothing is "
                "proposed."
            )
        if self.without:
            said.append(f"No column, so no probability, for: {', '.join(self.without)}.")
        if self.holdout >= LEAST_HOLDOUT:
            said.append(f"{count(self.holdout, 'label')} of the holdout calibrate it.")
        else:
            said.append(
                "How sure it is, is what the list says: it names "
                f"{count(self.holdout, 'labelled image')} of the holdout, and {LEAST_HOLDOUT} "
                "calibrate it."
            )
        return said


def plan_proposals(
    access: Access, project: str | int | None, path: Path, name: str, reading: ListReading
) -> ProposalPlan:
    """What a list of predictions would bring. Nothing is changed.

    Args:
        path: the file.
        name: what messages call it.
        reading: how it is read.

    Raises:
        ValueError: when the file is no list that can be read.
    """
    with reading_of(access.engine) as conn:
        project_id = find_project(conn, access, project)
        found = read_list(conn, access.workspace, project_id, path, name, reading)
        state = load_state(conn, project_id)
    shares = _shares(found)
    silent = says_nothing(shares, np.zeros_like(shares, dtype=np.bool_))
    in_pool = np.isin(found.positions, state.pool) & ~silent
    sure = shares.max(axis=1, initial=0) >= DEFAULT_THRESHOLD
    columns = [heading for use, heading in found.found.columns if use == "probability of a class"]
    return ProposalPlan(
        file=name,
        **found.told(),
        images=len(shares),
        pool=int(in_pool.sum()),
        sure=int((in_pool & sure).sum()),
        silent=int(silent.sum()),
        holdout=int(np.isin(found.positions[~silent], state.validation).sum()),
        without=_never(found, shares) if columns else [],
    )


def import_proposals(
    access: Access, project: str | int | None, path: Path, name: str, reading: ListReading
) -> tuple[int, int]:
    """Queue a round of what a list predicts, all of it; return its number and its job's id.

    Raises:
        ValueError: listing what is wrong with which lines, and the mend.
        Refused: when the project has fewer than two classes.
    """
    with reading_of(access.engine) as conn:
        project_id = find_project(conn, access, project)
        found = read_list(conn, access.workspace, project_id, path, name, reading)
    found.check("round")
    sha256 = durable.sha256(path)
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project_id)
        snapshot = snapshots.freeze(conn, access.workspace, project_id)
        if len(snapshot.class_ids) < 2:
            raise Refused("A round needs at least two classes. Add one.")
        if snapshot.class_ids != [each.id for each in found.classes]:
            raise Refused("The project's classes were changed meanwhile. Import the list again.")
        return _queue(conn, access, snapshot, found, name=name, sha256=sha256)


def _queue(
    conn: Connection,
    access: Access,
    snapshot: SnapshotRow,
    found: ReadList,
    *,
    name: str,
    sha256: str,
) -> tuple[int, int]:
    project_id = snapshot.project_id
    job_id = queue.enqueue(conn, project_id, JobKind.ROUND, {}, access.reader_id)
    path = access.workspace.jobs / queue.read_job(conn, job_id)["folder"] / "listed.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.write_array(path, _of_all(found, snapshot.counts["images"]))
    written = files.describe(access.workspace, [path])
    files.record(conn, project_id, written)
    listed = {
        "file": name,
        "sha256": sha256,
        "images": len(found.positions),
        "path": written[0].path,
        "array_sha256": written[0].sha256,
    }
    told = {each: listed[each] for each in ("file", "sha256", "images", "array_sha256")}
    number = add_round(
        conn,
        snapshot,
        job_id,
        access.reader_id,
        asked={"method": CARD.name, "gear": GEAR, "config": {}, "seed": 0},
        using={"plan": {LISTED: listed}},
        beside={"list": told},
    )
    return number, job_id


def _shares(found: ReadList) -> NDArray[np.float32]:
    """(n, C) of the rows of a list."""
    shares = [row.shares for row in found.found.rows if row.shares is not None]
    return np.array(shares, dtype=np.float32).reshape(len(shares), len(found.classes))


def _of_all(found: ReadList, images: int) -> NDArray[np.float32]:
    """(N, C) of all images; those that the list does not name have every class alike."""
    classes = len(found.classes)
    whole = np.full((images, classes), 1 / classes, dtype=np.float32)
    whole[found.positions] = _shares(found)
    return whole


def _never(found: ReadList, shares: NDArray[np.float32]) -> list[str]:
    """Names of the classes that no row gives any probability."""
    given = shares.max(axis=0, initial=0) > 0
    return [each.name for each, has in zip(found.classes, given, strict=True) if not has]
