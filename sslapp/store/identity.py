"""Which workspace a database belongs to: a random id, made with it and anew when it is restored.

A page that was opened on one workspace must not decide in another that answers at the same
address. The id tells them apart; copies of a workspace share it, and there the content hash of
each image does.
"""

import uuid

from sqlalchemy import Connection, select

from sslapp.store.errors import OtherWorkspace
from sslapp.store.integrity import seals
from sslapp.store.log.chain import now
from sslapp.store.schema import workspace


def workspace_id(conn: Connection) -> str:
    """The workspace's id, 32 hexadecimal digits."""
    return conn.execute(select(workspace.c.id)).scalar_one()


def renew(conn: Connection) -> str:
    """Give the workspace another id, so that pages opened before are refused; return it."""
    old, fresh = workspace_id(conn), uuid.uuid4().hex
    seals.update(conn, workspace, [workspace.c.id == old], {"id": fresh})
    return fresh


def is_recorded(conn: Connection) -> bool:
    """Whether every row is sealed and every file recorded: so from the first day, or since."""
    return conn.execute(select(workspace.c.recorded_at)).scalar_one() is not None


def mark_recorded(conn: Connection) -> None:
    """Say that from now on a missing seal or hash is damage."""
    seals.update(conn, workspace, [], {"recorded_at": now()})


def must_be(own: str, claimed: object) -> None:
    """Check that what names a workspace means the one that is open.

    Args:
        own: the id of the open workspace.
        claimed: what a page's request or command names.

    Raises:
        OtherWorkspace: when that is another one, or none.
    """
    if claimed != own:
        raise OtherWorkspace(
            "This page belongs to another workspace than the one that this server has open now "
            "(another one was started here, or a backup was restored). Nothing was saved. Reload "
            "the page."
        )
