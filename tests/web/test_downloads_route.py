"""Fetching exports over HTTP: by number, by members, as an attachment with a harmless name."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import small_project
from starlette.applications import Starlette

from sslapp.store.database import writing
from sslapp.store.schema import project as project_table
from sslapp.usecases.exporting.exported import exported_file
from sslapp.usecases.exporting.exports import Format, export, export_here
from sslapp.web import middleware, routes

EXPORTS = f"/api/{small_project.WORKSPACE}/exports"
SERVER = Starlette(routes=routes, middleware=middleware)


def get(path: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one request from this machine."""
    sent: list[Any] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": "GET",
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(SERVER(scope, receive, send))
    headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(each.get("body", b"") for each in sent[1:])


@pytest.fixture(scope="module")
def exported(prepared: Path, tmp_path_factory: pytest.TempPathFactory):
    """A closed workspace with a finished export of each kind; the number of each job by format."""
    project = small_project.copy(prepared, tmp_path_factory.mktemp("exported") / "workspace")
    others = (Format.FOLDER, Format.MODEL)  # no single file, and not of the labels
    jobs = {each: export_here(project, None, each) for each in Format if each not in others}
    small_project.run_jobs(project)
    project.engine.dispose()
    return project.workspace.root, jobs


@pytest.fixture
def kept(open_copy, exported, monkeypatch: pytest.MonkeyPatch):
    """A copy of it, and the same numbers."""
    root, jobs = exported
    project = open_copy(root)
    monkeypatch.setenv("SSLAPP_WORKSPACE", str(project.workspace.root))
    monkeypatch.setenv("LOGNAME", "Ann")
    return project, jobs


def test_every_format_comes_whole_and_as_an_attachment(kept) -> None:
    access, jobs = kept
    for format_, job_id in jobs.items():
        status, headers, body = get(f"{EXPORTS}/{job_id}")
        assert status == 200
        assert body == exported_file(access, job_id).path.read_bytes()
        assert headers["content-disposition"].startswith("attachment; filename=")
        # never a type that a browser opens, above all not for the report
        assert headers["content-type"] == "application/octet-stream", format_
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "private, no-store"
        assert int(headers["content-length"]) == len(body)


def test_the_manifest_comes_too_and_a_report_has_none(kept) -> None:
    _, jobs = kept
    status, _, body = get(f"{EXPORTS}/{jobs[Format.CSV]}/manifest")
    assert status == 200
    assert json.loads(body)["images"] == small_project.LABELLED
    assert get(f"{EXPORTS}/{jobs[Format.REPORT]}/manifest")[0] == 404


@pytest.mark.parametrize("name", ['a"; x=".exe', "..\\up\r\nSet-Cookie: a=b", "Æþ/../x", "-"])
def test_a_projects_name_cannot_shape_the_headers_or_the_path(kept, name) -> None:
    access, jobs = kept
    with writing(access.engine) as conn:
        conn.execute(project_table.update().values(name=name))
    status, headers, _ = get(f"{EXPORTS}/{jobs[Format.CSV]}")
    assert status == 200
    assert "set-cookie" not in headers
    said = headers["content-disposition"]
    found = re.fullmatch(r"attachment; filename(?:\*=utf-8'')?=?\"?([^\"]*)\"?", said)
    assert found, said
    file = unquote(found[1])
    assert file.endswith("-labels.csv")
    assert not set('/\\\r\n";') & set(file)


def test_what_is_not_there_is_answered_with_one_sentence(kept, tmp_path: Path) -> None:
    access, jobs = kept
    elsewhere = export(access, None, tmp_path / "labels.csv")
    small_project.run_jobs(access)
    exported_file(access, jobs[Format.ZIP]).path.unlink()
    for wanted in (elsewhere, jobs[Format.ZIP], 1, 999_999, 10**30):
        status, _, body = get(f"{EXPORTS}/{wanted}")
        assert status == 404, wanted
        assert str(tmp_path) not in body.decode()
        assert set(json.loads(body)) == {"error"}


@pytest.mark.parametrize("path", ["x", "-1", "1/../2", "..%2f..%2fsslapp.db", "1%00", "%2e%2e"])
def test_nothing_but_a_number_names_an_export(kept, path) -> None:
    assert get(f"{EXPORTS}/{path}")[0] in (404, 405)


def test_a_stranger_gets_nothing(kept, monkeypatch: pytest.MonkeyPatch) -> None:
    from sslapp.web import identity

    _, jobs = kept
    eve = small_project.enter(kept[0].workspace, "Eve")
    monkeypatch.setattr(identity, "current_reader", lambda *_: eve)
    for path in ("", "/manifest"):
        status, headers, body = get(f"{EXPORTS}/{jobs[Format.CSV]}{path}")
        assert status == 403
        assert "error" in json.loads(body)
        assert "content-disposition" not in headers
    eve.engine.dispose()
