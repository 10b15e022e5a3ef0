"""The routes of a page that decides: outbox, queue, what was decided, pictures."""

import json

import pytest
import small_project
from starlette.testclient import TestClient

from sslapp.usecases.access import enter
from sslapp.usecases.people.names import take_name
from sslapp.usecases.projects.settings import create_project
from sslapp.vocabulary import EventKind

API = f"/api/{small_project.WORKSPACE}"
PROJECT = f"{API}/projects/1"
HERE = {"Origin": "http://localhost:8501"}
NOW = 1_700_000_000_000.0
FREE = range(small_project.LABELLED, small_project.POOL)


def label(seq: int, position: int, class_id: int) -> dict:
    times = {"painted_at": NOW, "pressed_at": NOW + 400, "active_ms": 400}
    image = {"position": position, "image": small_project.image_hash(position)}
    return {"seq": seq, "kind": "label", **image, "class_id": class_id, **times}


def picture(kind: str, position: int) -> str:
    return f"{kind}/{position}/{small_project.image_hash(position)}"


def post(client: TestClient, path: str, body: object, headers: dict = HERE, **more):
    return client.post(f"{PROJECT}/{path}", json=body, headers=headers, **more)


def sent(client: TestClient, *items: dict, page: str = "page-one", **more):
    return post(client, "decisions", {"client": page, "items": list(items), **more})


def test_the_outbox_is_answered_item_by_item(client, project) -> None:
    answer = sent(client, label(1, 60, 3), label(2, 9999, 3), queue=[61, 62])
    assert answer.status_code == 200
    said = answer.json()
    number = small_project.log(project)[-1].number
    assert said["acked"] == [{"seq": 1, "number": number}]
    assert [each["seq"] for each in said["refused"]] == [2]
    assert said["conflicts"] == [] and said["gone"] == []
    assert said["progress"]["per_class"]["3"] == 4
    assert said["progress"]["labelled"] == small_project.LABELLED + 1
    assert said["progress"]["images"] == small_project.POOL


def test_a_decision_is_of_the_name_that_its_page_was_opened_under(client, project) -> None:
    ben = take_name(project, "Ben")
    address = f"{API}~{ben}/projects/1"
    body = {"client": "page-one", "items": [label(1, 60, 3)]}
    said = client.post(f"{address}/decisions", json=body, headers=HERE).json()
    assert said["acked"][0]["number"] == small_project.log(project)[-1].number
    assert small_project.log(project)[-1].reader_id == ben
    assert [each["position"] for each in client.get(f"{address}/decisions").json()["decided"]] == [
        60
    ]
    undo = {**label(1, 60, 3), "kind": "undo", "target": said["acked"][0]["number"]}
    undo = {name: undo[name] for name in ("seq", "kind", "target")}
    assert sent(client, undo, page="page-two").json()["refused"][0]["seq"] == 1  # by Ann
    for nobody in ("999", "x", "1" * 30, "-1"):
        answer = client.post(f"{API}~{nobody}/projects/1/decisions", json=body, headers=HERE)
        assert answer.status_code == 403, nobody


def test_a_page_of_another_site_and_a_form_change_nothing(client, project) -> None:
    body = {"client": "page-one", "items": [label(1, 60, 3)]}
    before = len(small_project.log(project))
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {}):
        for path in ("decisions", "queue", "queue/release"):
            assert post(client, path, body, headers).status_code == 403
    form = {"Content-Type": "text/plain", **HERE}
    text = json.dumps(body).encode()
    answer = client.post(f"{PROJECT}/decisions", content=text, headers=form)
    assert answer.status_code == 415
    assert len(small_project.log(project)) == before


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("decisions", {}),
        ("decisions", {"client": "page-one", "items": "all"}),
        ("decisions", {"client": "page-one", "items": [], "queue": ["1"]}),
        ("decisions", {"client": "page-one", "items": [label(5, 60, 3)]}),
        ("queue", {"count": 0}),
        ("queue", {"count": 10**9}),
        ("queue", {"have": [-1]}),
        ("queue", {"have": [10**30]}),
        ("queue", {"have": list(range(501))}),
        ("queue", {"strategy": "nearest"}),
        ("queue", {"strategy": "margin"}),
        ("queue", {"strategy": "disagreement"}),
        ("queue/release", {"positions": 7}),
    ],
)
def test_a_wrong_request_is_answered_with_one_sentence(path, body, client, project) -> None:
    before = len(small_project.log(project))
    answer = post(client, path, body)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")
    assert len(small_project.log(project)) == before


@pytest.mark.slow
def test_another_readers_project_is_closed_in_every_way(client, project) -> None:
    with_images = enter(project.workspace, "Bea")
    theirs = create_project(with_images, "Theirs", ["a", "b"])
    base = f"{API}/projects/{theirs}"
    with_images.engine.dispose()
    body = {"client": "page-one", "items": [label(1, 60, 3)]}
    for path in ("decisions", "queue", "queue/release"):
        assert client.post(f"{base}/{path}", json=body, headers=HERE).status_code == 403
    for path in ("decisions", picture("images", 0), picture("thumbs", 0), "thumbs/0"):
        assert client.get(f"{base}/{path}").status_code == 403


def test_no_word_of_a_prediction_is_in_the_queue(client) -> None:
    said = post(client, "queue", {"count": 20}).json()
    assert len(said["items"]) == 20
    assert {name for each in said["items"] for name in each} == {
        *("position", "image", "reason", "strategy")
    }
    assert set(said) == {"items", "note", "gone", "images", "metadata", "progress"}


def test_what_was_decided_comes_newest_first_and_page_by_page(client, project) -> None:
    sent(client, label(1, 60, 3), label(2, 61, 4))
    decided = client.get(f"{PROJECT}/decisions").json()["decided"]
    assert [each["position"] for each in decided[:2]] == [61, 60]
    assert [each["key"] for each in decided[:2]] == ["page-one:2", "page-one:1"]
    older = client.get(f"{PROJECT}/decisions?before={decided[1]['number']}").json()["decided"]
    assert [each["position"] for each in older] == list(range(small_project.LABELLED))[::-1]
    undo = {"seq": 3, "kind": "undo", "of": "page-one:2", "pressed_at": NOW}
    sent(client, undo)
    assert client.get(f"{PROJECT}/decisions").json()["decided"][0]["position"] == 60
    assert small_project.log(project)[-1].kind is EventKind.UNDO


@pytest.mark.parametrize("before", ["", "x", "-1", "9" * 19, "9" * 5000])
def test_a_nonsensical_limit_is_none(before, client) -> None:
    answer = client.get(f"{PROJECT}/decisions", params={"before": before})
    assert len(answer.json()["decided"]) == small_project.LABELLED


def test_a_picture_is_kept_and_asked_for_by_its_tag(client) -> None:
    """An image for ever; a small picture of it until the store may have been made again."""
    kept = {"images": "private, max-age=31536000, immutable", "thumbs": "private, max-age=60"}
    for kind, how_long in kept.items():
        path = picture(kind, 3)
        answer = client.get(f"{PROJECT}/{path}")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == how_long
        tag = {"If-None-Match": answer.headers["ETag"]}
        again = client.get(f"{PROJECT}/{path}", headers=tag)
        assert (again.status_code, again.content) == (304, b"")
        assert client.get(f"{PROJECT}/{path}", headers={"If-None-Match": '"x"'}).content


@pytest.mark.parametrize("kind", ["images", "thumbs"])
@pytest.mark.parametrize("number", [str(small_project.POOL + small_project.TEST), "9" * 30])
def test_an_image_that_is_not_there_is_not_found(kind, number, client) -> None:
    answer = client.get(f"{PROJECT}/{kind}/{number}/{'0' * 64}")
    assert answer.status_code == 404
    assert "error" in answer.json()


@pytest.mark.parametrize("path", ["../../etc/passwd", "%2e%2e/x", "-1", "1.5", "0x1"])
def test_a_picture_is_named_by_a_number_alone(path, client) -> None:
    assert client.get(f"{PROJECT}/images/{path}/{'0' * 64}").status_code == 404


@pytest.mark.parametrize("kind", ["images", "thumbs"])
def test_the_address_of_a_picture_names_its_content(kind, client) -> None:
    other = small_project.image_hash(4)
    answer = client.get(f"{PROJECT}/{kind}/3/{other}")
    assert answer.status_code == 409
    assert "another picture as image 3" in answer.json()["error"]
    assert answer.headers["Cache-Control"] == "no-store"
    right = client.get(f"{PROJECT}/{picture(kind, 3)}").headers["ETag"]
    assert client.get(f"{PROJECT}/{kind}/3/{other}", headers={"If-None-Match": right}).content


def test_a_page_that_knows_a_number_alone_is_led_to_the_picture(client) -> None:
    led = client.get(f"{PROJECT}/thumbs/3", follow_redirects=False)
    assert (led.status_code, led.headers["Cache-Control"]) == (307, "no-store")
    answer = client.get(f"{PROJECT}/thumbs/3")
    assert str(answer.url).endswith(picture("thumbs", 3))
    assert answer.content == client.get(f"{PROJECT}/{picture('thumbs', 3)}").content
    assert client.get(f"{PROJECT}/thumbs/{small_project.POOL + small_project.TEST}").is_client_error


@pytest.mark.slow
def test_the_queue_and_what_was_decided_name_the_pictures(client) -> None:
    said = post(client, "queue", {"count": 5, "have": [60, 61, 9999]}).json()
    for each in said["items"]:
        assert each["image"] == small_project.image_hash(each["position"])
    assert said["images"] == {str(each): small_project.image_hash(each) for each in (60, 61)}
    for each in client.get(f"{PROJECT}/decisions").json()["decided"]:
        assert each["image"] == small_project.image_hash(each["position"])


def test_a_decision_of_another_workspaces_page_is_not_taken(client, project) -> None:
    before = len(small_project.log(project))
    body = {"client": "page-one", "items": [label(1, 60, 3)]}
    for path in ("decisions", "queue", "queue/release"):
        other = PROJECT.replace(small_project.WORKSPACE, "0" * 32)
        answer = client.post(f"{other}/{path}", json=body, headers=HERE)
        assert (answer.status_code, answer.json()["stop"]) == (409, True)
    assert len(small_project.log(project)) == before
