"""The evidence route: what it tells, and whom and about what it refuses."""

import json

import pytest
import small_project
from starlette.applications import Starlette
from starlette.testclient import TestClient

from sslapp.usecases.access import enter
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.reviewing.inspection import inspect
from sslapp.web import middleware, routes

HOLDOUT = 5


def address(project: object = 1, number: object = 1, position: object = 70) -> str:
    return f"/api/{small_project.WORKSPACE}/projects/{project}/rounds/{number}/images/{position}"


@pytest.fixture
def server(reviewed, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """Asks the server of the project with one finished round."""
    monkeypatch.setenv("SSLAPP_WORKSPACE", str(reviewed.workspace.root))
    monkeypatch.setenv("LOGNAME", "Ann")
    return TestClient(Starlette(routes=routes, middleware=middleware), "http://localhost:8501")


def test_the_answer_is_what_the_use_case_finds(server, reviewed) -> None:
    answer = server.get(address())
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    said, found = answer.json(), inspect(reviewed, None, 1, 70)
    assert (said["position"], said["name"]) == (70, "train/00070")
    assert said["proposed"] == found.tile.proposed
    assert (said["members"], said["apart"]) == ([], 0)
    assert said["calibration"] == found.calibration
    assert [each["class"] for each in said["lines"]] == [each.class_id for each in found.lines]
    assert [(each["position"], each["class"]) for each in said["evidence"]] == [
        (each.position, each.class_id) for each in found.evidence
    ]


def test_the_members_words_are_told_in_a_few_bytes(ensembled, monkeypatch) -> None:
    monkeypatch.setenv("SSLAPP_WORKSPACE", str(ensembled.workspace.root))
    monkeypatch.setenv("LOGNAME", "Ann")
    client = TestClient(Starlette(routes=routes, middleware=middleware), "http://localhost:8501")
    said, found = client.get(address()).json(), inspect(ensembled, None, 1, 70)
    assert [(each["name"], each["class"]) for each in said["members"]] == [
        (each.name, each.class_id) for each in found.members
    ]
    assert [each["share"] for each in said["members"]] == pytest.approx(
        [each.share for each in found.members], abs=1e-4
    )
    assert said["apart"] == pytest.approx(found.apart, abs=1e-3)
    assert len(json.dumps(said["members"])) < 300


def test_another_readers_project_is_refused(server, reviewed) -> None:
    theirs = create_project(enter(reviewed.workspace, "Bea"), "Theirs")
    assert server.get(address(project=theirs)).status_code == 403


@pytest.mark.parametrize(
    "asked",
    [
        address(project=77),
        address(number=9),
        address(position=160),
        address(position=2**62),
        address(position=2**70),
        address(position="-1"),
        address(position="x"),
    ],
)
def test_what_is_not_there_is_not_found(server, asked) -> None:
    assert server.get(asked).status_code == 404


@pytest.mark.parametrize("position", [HOLDOUT, small_project.POOL])
def test_an_image_that_measures_is_refused_without_a_word_about_it(server, position) -> None:
    answer = server.get(address(position=position))
    assert answer.status_code == 403
    assert list(answer.json()) == ["error"]
    assert "must not see a prediction" in json.dumps(answer.json())


def test_the_route_only_reads(server) -> None:
    assert server.post(address(), json={}).status_code in (403, 405)
