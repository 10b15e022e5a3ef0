"""The server's routes and middleware, in local mode or with sign-in."""

from collections.abc import Callable

import identity_provider
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from sslapp.web import middleware, routes

ORIGIN = "https://labels.example.org"


@pytest.fixture
def client(project, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """Asks the server of the prepared project as the browser of this machine does."""
    monkeypatch.setenv("SSLAPP_WORKSPACE", str(project.workspace.root))
    monkeypatch.setenv("LOGNAME", "Ann")
    return TestClient(Starlette(routes=routes, middleware=middleware), "http://localhost:8501")


@pytest.fixture
def team(client: TestClient, secrets: Callable[[str], None]) -> TestClient:
    """Asks the same server where people sign in, at its own name."""
    secrets(identity_provider.secrets_file("http://localhost:1", f"{ORIGIN}/oauth2callback"))
    client.base_url = client.base_url.copy_with(scheme="https", host="labels.example.org", port=443)
    return client
