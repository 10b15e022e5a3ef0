"""The secret that a project's pseudonyms are made with: a file outside the workspace.

With the workspace alone, or a backup or export of it, nobody can tell whose images they are.
Without the file nobody can tell whether further DICOM files are of the same patients, and they are
refused.
"""

import hmac
import os
import secrets
from pathlib import Path

from sqlalchemy import Engine

from sslapp.jobs.context import JobContext
from sslapp.store import projects
from sslapp.store.database import writing
from sslapp.store.errors import Refused
from sslapp.store.projects import ProjectSettings
from sslapp.workspace import Workspace

BYTES = 32
_CHECKED = b"sslapp: is this the secret?"


def project_secret(
    engine: Engine, workspace: Workspace, project_id: int, reader_id: int | None
) -> bytes:
    """The secret of a project, made where it has none yet.

    Raises:
        Refused: when its file is not there or is another's, or would lie in the workspace.
    """
    folder = workspace.secrets_folder
    if folder.is_relative_to(workspace.root):
        raise Refused(
            f"Secrets would lie in the workspace ({folder}), where a backup takes them along. Name "
            "a folder elsewhere in SSLAPP_SECRETS."
        )
    with writing(engine) as conn:
        settings = projects.find_project(conn, project_id).settings
        if settings.secret is None:
            name, secret = secrets.token_hex(8), secrets.token_bytes(BYTES)
            _write(folder / name, secret)
            projects.change_settings(
                *(conn, project_id, reader_id), secret=name, secret_check=_check(secret)
            )
            return secret
    return read_secret(workspace, settings)


def secret_of_job(context: JobContext) -> bytes:
    """The secret of the project that a job works for."""
    claim = context.claim
    return project_secret(context.engine, context.workspace, claim.project_id, claim.reader_id)


def _write(path: Path, secret: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(secret.hex())
        file.flush()
        os.fsync(file.fileno())


def read_secret(workspace: Workspace, settings: ProjectSettings) -> bytes:
    """The secret of a project that has one.

    Raises:
        Refused: when its file is not there, or another's.
    """
    assert settings.secret is not None
    path, check = workspace.secrets_folder / settings.secret, settings.secret_check or ""
    mend = (
        "Put back the file of that name, or name the folder that it lies in in SSLAPP_SECRETS: "
        "without it nobody can tell which patients the project has already."
    )
    try:
        secret = bytes.fromhex(path.read_text("ascii"))
    except (OSError, ValueError):
        raise Refused(f"The project's secret {path} is not there, or no secret. {mend}") from None
    if not hmac.compare_digest(_check(secret), check):
        raise Refused(f"{path} is the secret of another project. {mend}")
    return secret


def _check(secret: bytes) -> str:
    return hmac.digest(secret, _CHECKED, "sha256").hex()
