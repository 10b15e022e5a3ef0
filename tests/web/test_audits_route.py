"""The routes of an audit's page: blind looks, answers as an outbox, what the page may show."""

import numpy as np
import pytest
import small_project
from starlette.applications import Starlette
from starlette.testclient import TestClient

from sslapp.usecases.auditing.opening import audit_labels
from sslapp.usecases.auditing.progress import audit_progress
from sslapp.usecases.reviewing.bulk_decisions import bulk_accept
from sslapp.usecases.reviewing.candidates import propose
from sslapp.vocabulary import EventKind
from sslapp.web import middleware, routes

PROJECT = f"/api/{small_project.WORKSPACE}/projects/1"
HERE = {"Origin": "http://localhost:8501"}
NOW = 1_700_000_000_000.0


@pytest.fixture
def audited(reviewed):
    """A project with an audit of its accepted labels."""
    proposed = propose(reviewed, None, threshold=0.0).candidates.positions
    bulk_accept(reviewed, None, np.sort(proposed), unproven=True)
    audit_labels(reviewed, None, target=0.8)
    return reviewed


@pytest.fixture
def post(audited, monkeypatch):
    """A function that posts to the audit's routes and returns the answer."""
    monkeypatch.setenv("SSLAPP_WORKSPACE", str(audited.workspace.root))
    monkeypatch.setenv("LOGNAME", "Ann")
    client = TestClient(Starlette(routes=routes, middleware=middleware), "http://localhost:8501")

    def send(path: str, body: object, number: int = 1):
        return client.post(f"{PROJECT}/audits/{number}/{path}", json=body, headers=HERE)

    send.client = client
    return send


def entry(seq: int, look: dict, kind: str = "audit_label", **fields) -> dict:
    times = {"painted_at": NOW, "pressed_at": NOW + 400, "active_ms": 400}
    seen = {"position": look["position"], "image": look["image"], "strategy": "audit"}
    return {"seq": seq, "kind": kind, **seen, **fields, **times}


def sent(post, *items: dict, client: str = "page-one"):
    answer = post("decisions", {"client": client, "items": list(items)})
    assert answer.status_code == 200
    return answer.json()


def test_looks_say_nothing_of_an_image_but_which_it_is(post) -> None:
    said = post("queue", {"have": [], "count": 5}).json()
    assert len(said["items"]) == 5
    for item in said["items"]:
        assert set(item) == {"position", "image", "reason", "strategy"}
        assert (item["reason"], item["strategy"]) == ("", "audit")
    have = [each["position"] for each in said["items"]]
    more = post("queue", {"have": have, "count": 3}).json()
    assert not {each["position"] for each in more["items"]} & set(have)
    assert more["images"] == {str(each["position"]): each["image"] for each in said["items"]}


def test_answers_become_events_and_the_last_does_not_show_yet(post, audited) -> None:
    looks = post("queue", {"have": [], "count": 3}).json()["items"]
    said = sent(
        post,
        entry(1, looks[0], class_id=3),
        entry(2, looks[1], "audit_unsure"),
        entry(3, looks[2], "audit_none"),
    )
    assert [each["seq"] for each in said["acked"]] == [1, 2, 3]
    kinds = [e.kind for e in small_project.log(audited)][-3:]
    assert kinds == [EventKind.AUDIT_LABEL, EventKind.AUDIT_UNSURE, EventKind.AUDIT_NONE]
    assert said["progress"]["looks"] == 2
    assert audit_progress(audited, 1).whole.looks == 3
    again = sent(post, entry(1, looks[0], class_id=3))
    assert again["acked"] == said["acked"][:1]
    undone = sent(post, {"seq": 4, "kind": "undo", "of": "page-one:3", "pressed_at": NOW})
    assert len(undone["acked"]) == 1
    assert audit_progress(audited, 1).whole.looks == 2


def test_a_repetition_that_is_sent_again_is_the_same_event(post, audited) -> None:
    (look,) = post("queue", {"have": [], "count": 1}).json()["items"]
    sent(post, entry(1, look, class_id=3))
    said = sent(post, entry(2, look, class_id=5))
    assert small_project.log(audited)[-1].kind is EventKind.AUDIT_REPEAT
    assert sent(post, entry(2, look, class_id=5))["acked"] == said["acked"]
    assert audit_progress(audited, 1).whole.looks == 1


def test_the_page_takes_back_what_it_said_last(post) -> None:
    looks = post("queue", {"have": [], "count": 2}).json()["items"]
    sent(post, *(entry(n, each, class_id=3) for n, each in enumerate(looks, 1)))
    decided = post.client.get(f"{PROJECT}/audits/1/decisions").json()["decided"]
    assert [(each["position"], each["kind"]) for each in decided] == [
        (looks[1]["position"], "audit_label")
    ]
    older = post.client.get(f"{PROJECT}/audits/1/decisions?before={decided[0]['number']}").json()
    assert older == {"decided": []}


def test_what_is_no_answer_to_the_audit_is_refused(post, audited) -> None:
    (look,) = post("queue", {"have": [], "count": 1}).json()["items"]
    outside = {"position": 0, "image": small_project.image_hash(0)}
    said = sent(post, entry(1, look, "label", class_id=3), entry(2, outside, class_id=3))
    reasons = [each["reason"] for each in said["refused"]]
    assert reasons == [
        "label is no answer to an audit.",
        "Image 0 is not in the lot of audit 1.",
    ]
    assert post("queue", {"have": []}, number=7).status_code == 409
    labelling = post.client.post(
        f"{PROJECT}/decisions",
        json={"client": "page-two", "items": [entry(1, look, class_id=3)]},
        headers=HERE,
    )
    assert "answered on its own page" in labelling.json()["refused"][0]["reason"]


def test_images_are_let_go(post, audited) -> None:
    first = post("queue", {"have": [], "count": 2}).json()["items"]
    assert post("queue/release", {}).status_code == 200
    assert post("queue", {"have": [], "count": 2}).json()["items"] == first
