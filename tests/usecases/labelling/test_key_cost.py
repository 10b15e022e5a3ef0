"""What a stored key costs the database: the same in a project of any size."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_project
from sqlalchemy import Engine, event

from sslapp.acquisition.holdout import ENOUGH
from sslapp.store import images, label_classes, projects
from sslapp.store.database import reading, writing
from sslapp.store.integrity import seals
from sslapp.store.log import events
from sslapp.store.log.chain import now
from sslapp.store.log.events import Draft
from sslapp.store.people.readers import grant
from sslapp.store.schema import job, round_
from sslapp.store.snapshots import freeze
from sslapp.usecases.access import Access, enter, new_key
from sslapp.usecases.labelling import offers, outbox, tally
from sslapp.vocabulary import EventKind, Role, Split
from sslapp.workspace import Workspace

pytestmark = pytest.mark.slow  # thousands of events are written for each

SIZES = (200, 3_000)
CLASSES = 4
KEYS = 12
"""Keys that are measured, and as many that go before: the first ones begin what later ones keep."""


def prepared(root: Path, count: int) -> Access:
    """A project of `count` images, a half of them labelled, some of those of the holdout, and a
    finished round."""
    access = enter(Workspace(workspace=root), "Ann")
    with writing(access.engine) as conn:
        settings = projects.ProjectSettings(single_reads=True)
        project_id = projects.create_project(conn, "Many", settings)
        classes = [label_classes.add_class(conn, project_id, str(each)) for each in range(CLASSES)]
        new = [
            images.NewImage(f"{at}.png", f"{at:064x}", 8, 8, split=_split(at))
            for at in range(count)
        ]
        images.add_image_set(conn, project_id, "set", "sets/1.npy", new)
        grant(conn, project_id, access.reader_id, Role.ADMIN)
    label_half(access, project_id, count, classes)
    finish_round(access, project_id, count)
    return access


def _split(position: int) -> Split:
    return Split.TEST if position % 10 == 9 else Split.POOL


def label_half(access: Access, project_id: int, count: int, classes: list[int]) -> None:
    with writing(access.engine, project_id) as conn:
        drawn = np.arange(0, count // 2, 10)[:ENOUGH]
        draw = {"key": new_key(), "members": drawn}
        events.append(conn, project_id, EventKind.DRAW_HOLDOUT, **draw)
        drafts = [
            Draft(
                kind=EventKind.LABEL,
                key=new_key(),
                reader_id=access.reader_id,
                position=position,
                class_id=classes[position % CLASSES],
            )
            for position in range(count // 2)
        ]
        events.append_many(conn, project_id, drafts)


def finish_round(access: Access, project_id: int, count: int) -> None:
    path = access.workspace.project(project_id) / "probabilities.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.tile(np.float32([0.7, 0.1, 0.1, 0.1]), (count, 1)))
    with writing(access.engine, project_id) as conn:
        frozen = freeze(conn, access.workspace, project_id)
        common = {"project_id": project_id, "created_at": now()}
        work = {"kind": "round", "params": {}, "state": "done", **common}
        job_id = conn.execute(job.insert().returning(job.c.id), work).scalar_one()
        values = {
            **{"number": 1, "snapshot_id": frozen.id, "job_id": job_id, "method": "m"},
            **{"gear": "pixels", "config": {}, "seed": 0, "plan": {}, **common},
            **{"probabilities": access.workspace.relative(path), "temperature": 1.5},
        }
        seals.insert(conn, round_, values)


class Work:
    """Instructions that SQLite runs, and statements that it is sent, while it is watched."""

    def __init__(self, engine: Engine) -> None:
        self.instructions = self.statements = 0
        engine.dispose()  # a connection is watched from its beginning
        event.listen(engine, "connect", self._connected)
        event.listen(engine, "before_cursor_execute", self._sent)

    def _connected(self, connection: Any, _: object) -> None:
        connection.set_progress_handler(self._step, 1)

    def _step(self) -> int:
        self.instructions += 1
        return 0

    def _sent(self, *_: object) -> None:
        self.statements += 1

    def of(self, act: Callable[[], object]) -> tuple[int, int]:
        """(instructions, statements) of one act."""
        before = (self.instructions, self.statements)
        act()
        return self.instructions - before[0], self.statements - before[1]


def item(access: Access, seq: int, kind: EventKind, position: int, **about: Any) -> dict[str, Any]:
    with reading(access.engine) as conn:
        image = images.pixel_hashes(conn, 1, [position])[position]
    seen = {"placed_at": 0.0, "painted_at": 0.0, "pressed_at": 100.0, "image": image}
    return {"seq": seq, "kind": kind.value, "position": position, **seen, **about}


def press(
    access: Access, made: dict[str, Any], queue: list[int], client: str = "client-of-a-page"
) -> None:
    """What the server does for one key of a page."""
    receipt = outbox.ingest(access, 1, client, [made])
    assert not receipt.refused
    tally.label_progress(access, 1)
    offers.keep(access, 1, queue)


@pytest.fixture(scope="module")
def workspaces(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Prepared workspaces of both sizes, closed: copy them."""
    made = {}
    for size in SIZES:
        made[size] = tmp_path_factory.mktemp("prepared") / "workspace"
        prepared(made[size], size).engine.dispose()
    return made


def costs(
    source: Path, root: Path, kind: EventKind, about: dict[str, Any], count: int
) -> list[tuple[int, int]]:
    access = small_project.copy(source, root)
    free = [at for at in range(count // 2, count) if at % 10 != 9][: 2 * KEYS]
    made = [item(access, seq, kind, at, **about) for seq, at in enumerate(free, start=1)]
    offers.keep(access, 1, free)
    watched = Work(access.engine)
    each = [watched.of(lambda one=one: press(access, one, free)) for one in made]
    return each[KEYS:]


@pytest.mark.parametrize(
    ("kind", "about"),
    [
        (EventKind.LABEL, {"class_id": 2}),
        (EventKind.SKIP, {}),
        (EventKind.ACCEPT, {"round": 1}),
        (EventKind.REJECT, {"round": 1}),
        (EventKind.RELABEL, {"round": 1, "class_id": 2}),
    ],
    ids=lambda value: value.value if isinstance(value, EventKind) else "",
)
def test_a_stored_key_reads_nothing_that_grows_with_the_project(
    workspaces, tmp_path, kind, about
) -> None:
    small, large = (
        costs(workspaces[size], tmp_path / str(size), kind, about, size) for size in SIZES
    )
    assert [statements for _, statements in large] == [statements for _, statements in small]
    spent = [np.median([instructions for instructions, _ in each]) for each in (small, large)]
    assert spent[1] <= 1.02 * spent[0], spent


def first_key_cost(source: Path, root: Path, count: int) -> int:
    """Instructions for the first key of a page that is opened while others are at work."""
    access = small_project.copy(source, root)
    free = [at for at in range(count // 2, count) if at % 10 != 9][:KEYS]
    made = [item(access, seq, EventKind.LABEL, at, class_id=2) for seq, at in enumerate(free, 1)]
    for one in made[:-1]:
        press(access, one, free)
    watched = Work(access.engine)
    first = {**made[-1], "seq": 1}
    press(access, {**made[0]}, free)  # opens the connection that is watched
    return watched.of(lambda: press(access, first, free, "client-of-another-page"))[0]


def test_the_first_key_of_a_page_reads_nothing_that_grows_either(workspaces, tmp_path) -> None:
    small, large = (first_key_cost(workspaces[size], tmp_path / str(size), size) for size in SIZES)
    assert large <= 1.02 * small, (small, large)
