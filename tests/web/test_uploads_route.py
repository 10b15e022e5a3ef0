"""Sending a file over HTTP: streamed to the disk, bounded, and nothing left of what went wrong."""

import asyncio
import json
import tracemalloc
import zipfile
from typing import Any

import pytest
import small_project
from starlette.applications import Starlette
from starlette.testclient import TestClient

from sslapp.usecases.images.incoming.loose_files import HEAD
from sslapp.usecases.images.incoming.uploads import find_upload
from sslapp.web import middleware, routes

UPLOADS = f"/api/{small_project.WORKSPACE}/uploads"
HEADERS = {"Content-Type": "application/octet-stream", "Sec-Fetch-Site": "same-origin"}
ZIP = b"PK\x03\x04"


def files(project) -> list[str]:
    return sorted(path.suffix for path in project.workspace.uploads.glob("*"))


def send(*parts: dict[str, Any], between=lambda: None) -> list[dict[str, Any]]:
    """What the server answers to a body that comes in these messages, read one by one."""
    waiting, sent = list(parts), []
    scope = {
        "type": "http",
        "method": "POST",
        "path": UPLOADS,
        "raw_path": UPLOADS.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"name=a.zip",
        "client": ("127.0.0.1", 1),
        "headers": [(b"host", b"localhost")]
        + [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()],
    }

    async def receive() -> dict[str, Any]:
        between()
        return waiting.pop(0)

    async def take(message: Any) -> None:
        sent.append(message)

    asyncio.run(Starlette(routes=routes, middleware=middleware)(scope, receive, take))
    return sent


def part(content: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": content, "more_body": more}


def test_a_file_is_kept_and_belongs_to_its_sender(client: TestClient, project) -> None:
    answer = client.post(f"{UPLOADS}?name=my%20set.zip", content=ZIP + b"1", headers=HEADERS)
    assert answer.status_code == 200
    said = answer.json()
    assert (said["name"], said["bytes"]) == ("my set.zip", 5)
    made, path = find_upload(project, said["id"])
    assert made.reader_id == project.reader_id
    assert path.read_bytes() == ZIP + b"1"


def test_a_large_file_goes_to_the_disk_and_not_into_memory(client: TestClient, project) -> None:
    block = b"x" * 2**16
    messages = [part(ZIP), *(part(block) for _ in range(1024)), part(b"", more=False)]
    tracemalloc.start()
    sent = send(*messages)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sent[0]["status"] == 200
    assert json.loads(sent[1]["body"])["bytes"] == 64 * 2**20 + 4
    assert peak < 16 * 2**20


@pytest.mark.parametrize(
    ("name", "content", "status", "words"),
    [
        ("set.exe", ZIP, 400, "only .zip and .npz"),
        ("", ZIP, 400, "only .zip and .npz"),
        ("set.zip", b"<html>", 400, "no zip file"),
        ("set.zip", b"", 400, "empty"),
        ("set.zip", ZIP + b"x" * 1000, 413, "more than the 1,000 bytes"),
    ],
)
def test_a_wrong_file_is_answered_with_one_sentence_and_not_kept(  # noqa: PLR0917
    client: TestClient, project, monkeypatch, name, content, status, words
) -> None:
    monkeypatch.setenv("SSLAPP_UPLOAD_LIMIT", "1000")
    for body in (content, iter([content])):  # with its length announced, and without
        answer = client.post(f"{UPLOADS}?name={name}", content=body, headers=HEADERS)
        assert (answer.status_code, words in answer.json()["error"]) == (status, True)
    assert files(project) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/octet-stream"},
        {**HEADERS, "Sec-Fetch-Site": "cross-site"},
        {"Content-Type": "application/octet-stream", "Origin": "http://evil.example"},
        {**HEADERS, "Content-Type": "multipart/form-data"},
        {**HEADERS, "Content-Type": "text/plain"},
    ],
)
def test_another_sites_page_cannot_send_files(client: TestClient, project, headers) -> None:
    answer = client.post(f"{UPLOADS}?name=a.zip", content=ZIP, headers=headers)
    assert answer.status_code in (403, 415)
    assert files(project) == []


def test_nobody_sends_files_without_signing_in(team: TestClient, project) -> None:
    answer = team.post(f"{UPLOADS}?name=a.zip", content=ZIP, headers=HEADERS)
    assert answer.status_code == 401
    assert files(project) == []


def test_an_upload_that_is_given_up_leaves_nothing(client: TestClient, project) -> None:
    seen = []
    send(
        part(ZIP + b"x" * 2**21),
        {"type": "http.disconnect"},
        between=lambda: seen.append(files(project)),
    )
    assert seen == [[".part"], [".part"]]
    assert files(project) == []


def test_many_files_in_one_body_are_kept_as_one_archive(client: TestClient, project) -> None:
    body = b"".join(
        HEAD.pack(len(path), 3) + path.encode() + b"abc" for path in ("cat/1.png", "dog/2.png")
    )
    answer = client.post(f"{UPLOADS}?name=pets&files=many", content=body, headers=HEADERS)
    said = answer.json()
    assert (answer.status_code, said["name"]) == (200, "pets.zip")
    with zipfile.ZipFile(find_upload(project, said["id"])[1]) as archive:
        assert archive.namelist() == ["cat/1.png", "dog/2.png"]
    answer = client.post(f"{UPLOADS}?name=pets&files=many", content=body[:-1], headers=HEADERS)
    assert (answer.status_code, "Not all" in answer.json()["error"]) == (400, True)
    assert files(project) == [".json", ".zip"]
