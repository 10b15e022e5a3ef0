"""Who a request comes from where people sign in: by Streamlit's signed cookie and nothing else."""

import json
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import identity_provider
import pytest
import small_project
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit import config
from streamlit.auth_util import set_cookie_with_chunks
from streamlit.runtime.secrets import secrets_singleton
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from sslapp.store.database import reading, writing
from sslapp.store.people import readers
from sslapp.usecases.access import admit
from sslapp.vocabulary import Role
from sslapp.web import identity, routes

NAME = "_streamlit_user"
ORIGIN = "https://labels.example.org"
ANN = {"is_logged_in": True, "origin": ORIGIN, "email": "Ann@Example.org", "sub": "1"}
API = f"/api/{small_project.WORKSPACE}"
READ = f"{API}/projects/1/decisions"


def cookies(
    claims: Mapping[str, Any], secret: str = identity_provider.COOKIE_SECRET
) -> dict[str, str]:
    """The cookies that Streamlit gives to the browser of somebody with these claims."""
    made: dict[str, str] = {}

    def sign(name: str, value: str) -> bytes:
        return create_signed_value(secret, name, value)

    def keep(name: str, value: str) -> None:
        made[name] = sign(name, value).decode()

    set_cookie_with_chunks(keep, sign, NAME, dict(claims), cookie_attr_size=80)
    return made


def get(client: TestClient, sent: Mapping[str, str], path: str = READ) -> int:
    header = "; ".join(f"{name}={value}" for name, value in sent.items())
    return client.get(path, headers={"Cookie": header}).status_code


def every_route() -> list[tuple[str, str]]:
    """Method and address of each route that asks who asks, with 1 for every number in it."""
    found = []
    for route in routes:
        assert isinstance(route, Route)
        path = route.path.replace("{workspace}", small_project.WORKSPACE)
        for name in route.param_convertors:
            path = path.replace(f"{{{name}:int}}", "1").replace(f"{{{name}}}", "1")
        found += [(method, path) for method in route.methods or () if method != "HEAD"]
    open_to_all = ("/api/health", "/code/1/{name:path}")
    return [each for each in found if each[1] not in open_to_all]


def ask(client: TestClient, method: str, path: str) -> Any:
    kind = "application/octet-stream" if path == f"{API}/uploads" else "application/json"
    body = json.dumps({"client": "c" * 16, "items": []})
    return client.request(
        method, path, content=body, headers={"Origin": ORIGIN, "Content-Type": kind}
    )


@pytest.fixture
def ann(project) -> int:
    """Ann by her address, a reader of the project."""
    who = admit(project.workspace, project.engine, "ann@example.org", server_admin=False)
    with writing(project.engine) as conn:
        readers.grant(conn, 1, who.reader_id, Role.READER)
    return who.reader_id


@pytest.mark.parametrize(("method", "path"), every_route())
def test_no_route_answers_who_has_not_signed_in(team: TestClient, method: str, path: str) -> None:
    answer = ask(team, method, path)
    assert answer.status_code == 401
    assert answer.json() == {
        "error": "Nobody has signed in. Open this server in the browser and sign in."
    }


@pytest.mark.parametrize(("method", "path"), [each for each in every_route() if "/1" in each[1]])
def test_no_route_below_a_project_answers_a_stranger(
    team: TestClient, method: str, path: str
) -> None:
    for name, value in cookies({**ANN, "email": "eve@example.org"}).items():
        team.cookies.set(name, value)
    answer = ask(team, method, path)
    assert answer.status_code in (403, 404), answer.text
    assert "Digits" not in answer.text


def test_a_member_is_known_by_the_cookie_whole_or_in_pieces(team: TestClient, ann: int) -> None:
    assert get(team, cookies(ANN)) == 200
    pieces = cookies({**ANN, "groups": random.Random(0).randbytes(5000).hex()})
    assert len(pieces) > 2
    assert get(team, pieces) == 200
    pieces.popitem()
    assert get(team, pieces) == 401


@pytest.mark.parametrize(
    "claims",
    [
        {**ANN, "origin": "https://other.example.org"},
        {**ANN, "origin": None},
        {**ANN, "is_logged_in": False},
        {**ANN, "is_logged_in": "yes"},
        {"origin": ORIGIN},
    ],
)
def test_a_signed_cookie_of_another_place_or_of_nobody_is_none(
    team: TestClient, ann: int, claims: dict[str, Any]
) -> None:
    assert get(team, cookies(claims)) == 401


def test_a_forged_or_changed_cookie_is_none(team: TestClient, ann: int) -> None:
    assert get(team, cookies(ANN, secret="another secret of the same length as the real")) == 401
    assert get(team, {NAME: json.dumps(ANN)}) == 401
    good = cookies(ANN)[NAME]
    assert get(team, {NAME: good[:-2] + ("AA" if good[-2:] != "AA" else "BB")}) == 401
    # a cookie signed for another use of the same secret
    other = create_signed_value(identity_provider.COOKIE_SECRET, "other", json.dumps(ANN))
    assert get(team, {NAME: other.decode()}) == 401


@pytest.mark.parametrize(("days", "status"), [(29, 200), (32, 401)])
def test_a_cookie_ends_after_a_month(
    team: TestClient, ann: int, monkeypatch: pytest.MonkeyPatch, days: int, status: int
) -> None:
    now = time.time()
    with monkeypatch.context() as then:
        then.setattr(time, "time", lambda: now - days * 86_400)
        old = cookies(ANN)
    assert get(team, old) == status


def test_a_reader_set_inactive_is_refused_at_once(team: TestClient, ann: int, project) -> None:
    assert get(team, cookies(ANN)) == 200
    with writing(project.engine) as conn:
        readers.set_active(conn, ann, False)
    assert get(team, cookies(ANN)) == 403


@pytest.mark.parametrize(
    "claims", [{"email_verified": False}, {"email_verified": "false"}, {"email": None}]
)
def test_an_account_without_a_verified_address_is_refused_and_not_added(
    team: TestClient, ann: int, project, claims: dict[str, Any]
) -> None:
    with reading(project.engine) as conn:
        before = readers.reader_names(conn)
    assert get(team, cookies({**ANN, **claims})) == 403
    with reading(project.engine) as conn:
        assert readers.reader_names(conn) == before


def test_the_admins_of_the_server_are_those_its_settings_name(
    team: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLAPP_ADMINS", " BOB@example.org, ann@example.org,")
    assert identity.current_reader(lambda: ANN).server_admin
    assert not identity.current_reader(lambda: {**ANN, "email": "eve@example.org"}).server_admin
    monkeypatch.setenv("SSLAPP_ADMINS", "")
    assert not identity.current_reader(lambda: ANN).server_admin


def test_in_local_mode_the_reader_of_this_machine_is_its_admin(client: TestClient) -> None:
    assert client.get(READ).status_code == 200
    who = identity.current_reader(lambda: {**ANN, "email": "eve@example.org"})
    assert (who.reader, who.server_admin) == ("Ann", True)


def test_where_people_sign_in_no_name_is_taken_on_the_page(team: TestClient, ann: int) -> None:
    assert get(team, cookies(ANN)) == 200
    assert get(team, cookies(ANN), READ.replace("/projects", f"~{ann}/projects", 1)) == 403


GOOD = identity_provider.secrets_file("http://localhost:1", f"{ORIGIN}/oauth2callback")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[auth]\n", "redirect_uri must be this server's address"),
        (GOOD.replace("/oauth2callback", "/"), "end in /oauth2callback"),
        (GOOD.replace(identity_provider.COOKIE_SECRET, "short"), "cookie_secret must have 32"),
        (GOOD.replace("client_id", "client"), "must name a provider"),
        ("[auth\n", "cannot be decided"),
    ],
)
def test_a_server_whose_sign_in_is_half_set_up_answers_nobody(
    client: TestClient, secrets: Callable[[str], None], text: str, fault: str
) -> None:
    secrets(text)
    with pytest.raises(ValueError, match=fault):
        identity.sign_in()
    with pytest.raises(ValueError, match=fault):
        client.get(READ)


def test_secrets_that_vanish_do_not_open_the_server(
    team: TestClient, secrets: Callable[[str], None]
) -> None:
    assert get(team, {}) == 401
    secrets_singleton._reset()
    config.set_option("secrets.files", [])
    assert get(team, {}) == 401


def test_providers_with_names_are_offered_by_name(secrets: Callable[[str], None]) -> None:
    named = "".join(f'[auth.{each}]\nclient_id = "{each}"\n' for each in ("clinic", "lab"))
    secrets(GOOD.replace("client_id", "ignored") + named)
    how = identity.sign_in()
    assert how is not None
    assert (how.origin, how.host) == (ORIGIN, "labels.example.org")
    assert how.providers == ("clinic", "lab")
