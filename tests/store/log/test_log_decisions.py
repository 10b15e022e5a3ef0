"""What readers have decided, found in the log."""

import pytest
from sqlalchemy import Engine

from sslapp.store.database import reading, writing
from sslapp.store.log import events
from sslapp.store.log.decisions import newest_key
from sslapp.vocabulary import EventKind

KEYS = ("a-b:1", "a-b:10", "A-B:3", "ab:2", "a-b:9", "a-bc:1", "a:b:4", "a-b", "a-b;5", "a-b:2")


@pytest.mark.parametrize(
    ("prefix", "newest"),
    [("a-b:", "a-b:2"), ("A-B:", "A-B:3"), ("ab:", "ab:2"), ("a-bc:", "a-bc:1"), ("none:", None)],
)
def test_the_newest_key_is_the_last_stored_of_those_that_begin_so_in_any_database(
    engine: Engine, desk, prefix: str, newest: str | None
) -> None:
    with writing(engine, desk.project_id) as conn:
        for position, key in enumerate(KEYS):
            events.append(
                conn,
                desk.project_id,
                EventKind.SKIP,
                key=key,
                reader_id=desk.ann,
                position=position,
            )
    with reading(engine) as conn:
        assert newest_key(conn, desk.project_id, prefix) == newest
