"""Check a project's history."""

from sslapp.store.database import reading
from sslapp.store.verify import Verification, verify
from sslapp.usecases.access import Access, find_project


def verify_project(access: Access, project: str | int | None) -> Verification:
    """Walk the event chain, replay it, and compare with the derived tables."""
    with reading(access.engine) as conn:
        return verify(conn, find_project(conn, access, project))
