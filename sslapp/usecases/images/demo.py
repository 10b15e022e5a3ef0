"""The demo project that a fresh installation starts with: scikit-learn's digits."""

from sslapp.store import projects
from sslapp.store.database import reading
from sslapp.usecases.access import Access
from sslapp.usecases.images.creation import Wish, create
from sslapp.usecases.images.embeddings import DEFAULT_ENCODER
from sslapp.usecases.images.sources import Choice, Kind

NAME = "Digits demo"


def ensure_demo(access: Access) -> bool:
    """Create the demo project and queue its import, unless it exists. Returns whether it did."""
    with reading(access.engine) as conn:
        if any(row.name == NAME for row in projects.list_projects(conn)):
            return False
    create(
        access,
        Wish(name=NAME, source=Choice(Kind.NAMED, "digits"), encoder=DEFAULT_ENCODER),
    )
    return True
