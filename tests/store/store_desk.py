"""A small project to play with, for the tests of this room."""

import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection

from sslapp.store import images, label_classes, projects
from sslapp.store.integrity import seals
from sslapp.store.log import events
from sslapp.store.log.chain import now
from sslapp.store.log.events import Event
from sslapp.store.people import readers
from sslapp.store.schema import job, round_, snapshot
from sslapp.vocabulary import EventKind, Role

COUNT = 12


@dataclass
class Desk:
    """A project with 12 images, classes cat, dog and cow, readers ann and bob, and two rounds."""

    project_id: int
    cat: int
    dog: int
    cow: int
    ann: int
    bob: int
    rounds: tuple[int, int]
    made: int = 0

    def do(self, conn: Connection, kind: EventKind, **fields: Any) -> Event:
        """Append an event by ann (unless another reader is named) with a fresh key."""
        self.made += 1
        fields = {"key": f"test-{self.made}", "reader_id": self.ann, **fields}
        for name in ("members", "member_classes"):
            if name in fields:
                fields[name] = np.array(fields[name], dtype=np.int64)
        return events.append(conn, self.project_id, kind, **fields)


def new_images(count: int, start: int = 0) -> list[images.NewImage]:
    return [
        images.NewImage(name=f"{i}.png", sha256=f"{i:064x}", width=8, height=8)
        for i in range(start, start + count)
    ]


def lay_desk(conn: Connection) -> Desk:
    project_id = projects.create_project(conn, uuid.uuid4().hex, projects.ProjectSettings())
    ann, bob = (readers.ensure_reader(conn, name) for name in ("ann", "bob"))
    readers.grant(conn, project_id, ann, Role.READER)
    cat, dog, cow = (
        label_classes.add_class(conn, project_id, name) for name in ("cat", "dog", "cow")
    )
    images.add_image_set(conn, project_id, "set", "sets/1.npy", new_images(COUNT))
    rounds = tuple(_add_round(conn, project_id, number) for number in (1, 2))
    return Desk(project_id, cat, dog, cow, ann, bob, rounds)  # type: ignore[arg-type]


def _add_round(conn: Connection, project_id: int, number: int) -> int:
    common = {"project_id": project_id, "created_at": now()}
    counts = {"images": COUNT}
    frozen = {
        "event_number": 1,
        "class_ids": [],
        "counts": counts,
        "hash": "",
        "path": "",
        **common,
    }
    snapshot_id = seals.insert(conn, snapshot, frozen)
    work = {"kind": "round", "params": {}, "state": "done", **common}
    job_id = conn.execute(job.insert().returning(job.c.id), work).scalar_one()
    values = {
        **{"number": number, "snapshot_id": snapshot_id, "job_id": job_id, "method": "m"},
        **{"gear": "pixels", "config": {}, "seed": 0, "plan": {}, **common},
    }
    return seals.insert(conn, round_, values)
