"""What tests of patients' images begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sslapp.usecases.access import Access, enter
from sslapp.usecases.projects.settings import create_project
from sslapp.workspace import Workspace


@pytest.fixture
def ward_access(tmp_path: Path) -> Iterator[Access]:
    """Of a project without images, whose secrets lie outside of its workspace."""
    workspace = Workspace(workspace=tmp_path / "workspace", secrets=tmp_path / "secrets")
    made = enter(workspace, "Ann")
    create_project(made, "Ward", ["normal", "other"])
    yield made
    made.engine.dispose()
