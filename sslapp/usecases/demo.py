"""The demo project that a fresh installation starts with: scikit-learn's digits."""

from sslapp.store import projects
from sslapp.store.database import reading
from sslapp.usecases.access import Access
from sslapp.usecases.embeddings import embed
from sslapp.usecases.imports import import_images
from sslapp.usecases.projects import create_project

NAME = "Digits demo"


def ensure_demo(access: Access) -> bool:
    """Create the demo project and queue its import, unless it exists. Returns whether it did."""
    with reading(access.engine) as conn:
        if any(row.name == NAME for row in projects.list_projects(conn)):
            return False
    project_id = create_project(access, NAME)
    import_images(access, project_id, "digits")
    embed(access, project_id)
    return True
