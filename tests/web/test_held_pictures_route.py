"""Pictures that are held back reach an admin's browser alone, which keeps none."""

import pytest
from burned_in import picture, ultrasounds
from small_project import finish
from starlette.applications import Starlette
from starlette.testclient import TestClient

from sslapp.datasets.pictures.reading import Reading, TextChoice
from sslapp.imaging.decode import decode
from sslapp.usecases.access import enter
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.images.incoming.quarantine import screening
from sslapp.usecases.images.incoming.quarantine.looking_through import held_series
from sslapp.usecases.people.members import grant
from sslapp.usecases.projects.settings import create_project
from sslapp.vocabulary import Role
from sslapp.web import middleware, routes
from sslapp.workspace import Workspace


@pytest.fixture
def held(tmp_path, monkeypatch):
    """The reader's access, and what addresses of the series' pictures begin with."""
    monkeypatch.setattr(screening, "is_installed", lambda: False)
    access = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    create_project(access, "Ward", ["normal", "other"])
    folder = ultrasounds(tmp_path / "in", series=1, images=2)
    finish(
        access,
        import_images(access, None, str(folder), reading=Reading(burned_in=TextChoice.HOLD_BACK)),
    )
    monkeypatch.setenv("SSLAPP_WORKSPACE", str(access.workspace.root))
    (series,) = held_series(access, None)
    yield access, f"/api/{access.workspace_id}/projects/1/held/{series.series}"
    access.engine.dispose()


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=routes, middleware=middleware), "http://localhost:8501")


def test_an_admin_sees_each_picture_and_the_brightest(held, client, monkeypatch) -> None:
    monkeypatch.setenv("LOGNAME", "Ann")
    _, address = held
    for number in (0, 1):
        answer = client.get(f"{address}/{number}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert (decode(answer.content, "held") == picture(seed=11 + number)).all()
    answer = client.get(f"{address}/brightest/128/128")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    for end in ("2", "brightest/9/9"):
        assert client.get(f"{address}/{end}").status_code == 404


@pytest.mark.parametrize("role", [Role.READER, Role.ADJUDICATOR, None])
def test_nobody_else_sees_any(held, client, monkeypatch, role) -> None:
    access, address = held
    if role is not None:
        grant(access, None, "Bo", role)
    monkeypatch.setenv("LOGNAME", "Bo")
    for end in ("0", "brightest/128/128"):
        answer = client.get(f"{address}/{end}")
        assert answer.status_code in (401, 403)
        assert not answer.content.startswith(b"\x89PNG")
