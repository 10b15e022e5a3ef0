"""How a route answers what a use case returns or raises."""

import shutil
from pathlib import Path

import pytest
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from sslapp.store.errors import KeyReused, Refused, Unknown
from sslapp.usecases.access import NoSuchProject, NotAllowed, NotSignedIn, enter
from sslapp.web import answers, routes
from sslapp.web.identity import current_reader
from sslapp.workspace import Workspace


class Form(BaseModel):
    count: int


def client(work, *, post: bool = False) -> TestClient:
    route = answers.commands("it/{n:int}", work) if post else answers.reads("it/{n:int}", work)
    app = Starlette(routes=[route])
    return TestClient(app, f"http://testserver/api/{own_id()}", raise_server_exceptions=False)


def own_id() -> str:
    return current_reader(dict).workspace_id


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed workspace without a project."""
    root = tmp_path_factory.mktemp("fresh") / "workspace"
    enter(Workspace(workspace=root), "Ann").engine.dispose()
    return root


@pytest.fixture(autouse=True)
def workspace(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(fresh, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("SSLAPP_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("LOGNAME", "Ann")


def test_what_is_returned_is_sent_as_json_and_kept_by_nobody() -> None:
    answer = client(lambda who, request: {"who": who.reader, **request.path_params}).get("/it/3")
    assert answer.json() == {"who": "Ann", "workspace": own_id(), "n": 3}
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_response_is_sent_as_it_is() -> None:
    made = client(lambda who, request: PlainTextResponse("x", 202)).get("/it/3")
    assert (made.status_code, made.text) == (202, "x")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotSignedIn("a"), 401),
        (NotAllowed("a"), 403),
        (Unknown("a"), 404),
        (NoSuchProject("a"), 404),
        (Refused("a"), 409),
        (KeyReused("a"), 409),
        (ValueError("a"), 400),
    ],
)
def test_an_error_meant_for_the_reader_is_one_sentence(error: Exception, status: int) -> None:
    def work(who, request):
        raise error

    answer = client(work).get("/it/3")
    assert (answer.status_code, answer.json()) == (status, {"error": "a"})


def test_a_fault_of_the_program_tells_nothing_of_itself() -> None:
    answer = client(lambda who, request: {}["secret"]).get("/it/3")
    assert answer.status_code == 500
    assert "secret" not in answer.text


@pytest.mark.parametrize("body", [b"", b"[]", b"3", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    answer = client(lambda who, request, sent: sent, post=True).post("/it/3", content=body)
    assert answer.status_code == 400
    assert answer.json() == {"error": "The request's body is no JSON object."}


def test_a_body_of_the_wrong_shape_names_the_first_field_that_is_wrong() -> None:
    made = client(lambda who, request, sent: Form(**sent).model_dump(), post=True)
    assert made.post("/it/3", json={"count": 2}).json() == {"count": 2}
    answer = made.post("/it/3", json={"count": "many"})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("count: Input should be a valid integer")


def test_a_number_that_no_database_holds_is_not_there() -> None:
    assert client(lambda who, request: {}).get(f"/it/{10**30}").status_code == 404


@pytest.mark.parametrize("named", ["0" * 32, "x", "None", "1", "%00", "own id and more"])
@pytest.mark.parametrize("post", [False, True])
def test_what_names_another_workspace_is_refused_before_anything_is_done(named, post) -> None:
    done: list[object] = []
    made = client(lambda *about: done.append(about), post=post)
    named = own_id() + "0" if named == "own id and more" else named
    answer = made.request("POST" if post else "GET", f"/../{named}/it/3", json={})
    assert answer.status_code == 409
    said = answer.json()
    assert said["stop"] is True
    assert said["error"].startswith("This page belongs to another workspace")
    assert answer.headers["Cache-Control"] == "no-store"
    assert not done


def test_a_database_that_is_replaced_under_the_server_stops_the_page(tmp_path) -> None:
    made = client(lambda who, request: {})
    assert made.get("/it/3").status_code == 200
    database = tmp_path / "sslapp.db"
    database.rename(tmp_path / "away.db")
    shutil.copy(tmp_path / "away.db", database)
    answer = made.get("/it/3")
    assert (answer.status_code, answer.json()["stop"]) == (409, True)
    assert "deleted or replaced while it was open" in answer.json()["error"]


def test_every_route_that_answers_from_the_database_names_the_workspace() -> None:
    paths = {route.path for route in routes if isinstance(route, Route)}
    assert len(paths) > 10
    others = {each for each in paths if not each.startswith(f"{answers.BASE}/")}
    assert others == {"/api/health", "/code/{version}/{name:path}"}
