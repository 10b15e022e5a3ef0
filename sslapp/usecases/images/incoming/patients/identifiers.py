"""What lists call a project's images of patients, where its secret is here."""

from collections.abc import Sequence

from sqlalchemy import Connection

from sslapp.datasets.tables.matching import Also
from sslapp.store import projects
from sslapp.store.errors import Refused
from sslapp.usecases.images.incoming.patients.secret import read_secret
from sslapp.workspace import Workspace


def also_called(
    conn: Connection, workspace: Workspace, project_id: int, names: Sequence[str]
) -> Also | None:
    """Finds images by UIDs and patients' numbers; None where no DICOM file came, or without secret.

    Args:
        names: of the project's images.
    """
    settings = projects.find_project(conn, project_id).settings
    if settings.secret is None or settings.thing is None:
        return None
    try:
        secret = read_secret(workspace, settings)
    except Refused:
        return None  # images are found by their names still
    from sslapp.datasets.dicom.identifiers import Identifiers  # pydicom takes a second to import

    return Identifiers(names, secret).find
