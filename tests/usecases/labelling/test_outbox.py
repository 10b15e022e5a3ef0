"""The outbox protocol: every decision once, in order, and nothing dropped in silence."""

import itertools
import uuid

import pytest
import small_project
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from sslapp.store.database import reading
from sslapp.store.errors import Refused
from sslapp.store.label_classes import classes
from sslapp.store.schema import image
from sslapp.store.state import load_state
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.labelling import decisions, outbox, verdicts
from sslapp.usecases.people.members import grant
from sslapp.usecases.projects.classes import retire_class
from sslapp.vocabulary import EventKind, Role, Source

CLIENT = "a-page-of-ann"
NOW = 1_700_000_000_000.0
FREE = range(small_project.LABELLED, small_project.POOL)


def judged(seq: int, kind: str, position: int, **more) -> dict:
    """A decision as the browser sends it."""
    times = {"painted_at": NOW + seq * 100, "pressed_at": NOW + seq * 100 + 60, "active_ms": 60}
    image = {"position": position, "image": small_project.image_hash(position)}
    return {"seq": seq, "kind": kind, **image, **times, **more}


def label(seq: int, position: int, class_id: int) -> dict:
    return judged(seq, "label", position, class_id=class_id)


def undo(seq: int, of: str) -> dict:
    return {"seq": seq, "kind": "undo", "of": of, "pressed_at": NOW + seq * 100}


def stored(access, client: str = CLIENT) -> list[tuple]:
    """(seq, kind, position, class) of the client's events, in the order of the log."""
    found = [event for event in small_project.log(access) if event.key.startswith(f"{client}:")]
    return [(int(e.key.rpartition(":")[2]), e.kind, e.position, e.class_id) for e in found]


def class_ids(access) -> list[int]:
    with reading(access.engine) as conn:
        return [each.id for each in classes(conn, 1)]


def state(access):
    with reading(access.engine) as conn:
        return load_state(conn, 1)


@pytest.fixture
def bob(project):
    grant(project, None, "Bob", Role.READER)
    access = enter(project.workspace, "Bob")
    yield access
    access.engine.dispose()


def test_decisions_become_events_in_their_order_with_what_the_page_measured(project) -> None:
    items = [
        label(1, 60, 3),
        judged(2, "flag", 61, comment="upside down"),
        judged(3, "skip", 61, strategy="typiclust"),
        judged(4, "unsure", 62),
    ]
    receipt = outbox.ingest(project, None, CLIENT, items)
    assert list(receipt.acked) == [1, 2, 3, 4]
    assert not receipt.refused and not receipt.conflicts
    events = small_project.log(project)[-4:]
    assert [e.number for e in events] == list(receipt.acked.values())
    assert stored(project) == [
        (1, EventKind.LABEL, 60, 3),
        (2, EventKind.FLAG, 61, None),
        (3, EventKind.SKIP, 61, None),
        (4, EventKind.UNSURE, 62, None),
    ]
    assert events[0].payload == {
        "image": small_project.image_hash(60),
        "painted_at": NOW + 100,
        "pressed_at": NOW + 160,
        "active_ms": 60,
        "sight": "nothing",
    }
    assert events[1].payload["comment"] == "upside down"
    assert events[2].payload["strategy"] == "typiclust"
    assert small_project.damage(project) is None


@pytest.mark.parametrize(
    ("placed", "painted", "pressed", "counts"),
    [
        *[(0, 20, 50, True), (0, 20, 49, False)],  # 50 ms from when it was put on the stage
        *[(0, 70, 70, True), (0, 70, 69, False)],  # and never before a frame of it was painted
        (30, 20, 90, False),  # painted before it was there
    ],
)
def test_a_key_counts_when_its_image_was_painted_and_on_the_stage_for_a_while(
    project, placed, painted, pressed, counts
) -> None:
    times = {"placed_at": NOW + placed, "painted_at": NOW + painted, "pressed_at": NOW + pressed}
    receipt = outbox.ingest(project, None, CLIENT, [{**label(1, 60, 3), **times}])
    assert (1 in receipt.acked) is counts
    assert (1 in receipt.refused) is not counts


def test_a_repeated_request_gets_the_same_answer_and_stores_nothing(project) -> None:
    items = [label(1, 60, 3), undo(2, f"{CLIENT}:1"), label(3, 60, 4)]
    first = outbox.ingest(project, None, CLIENT, items)
    assert outbox.ingest(project, None, CLIENT, items) == first
    assert [seq for seq, *_ in stored(project)] == [1, 2, 3]


def test_a_refused_decision_holds_up_no_other_and_says_why(project) -> None:
    retire_class(project, None, "2")
    items = [label(1, 60, 3), label(2, 61, 3), label(3, 9999, 1), label(4, 62, 1), {"seq": 5}]
    receipt = outbox.ingest(project, None, CLIENT, items)
    assert set(receipt.acked) == {4}
    assert receipt.refused[1] == "Class 2 is retired: it takes no new decisions."
    assert "no image 9999" in receipt.refused[3]
    assert receipt.refused[5].startswith("kind: ")
    assert [seq for seq, *_ in stored(project)] == [4]


def test_a_gap_is_refused_whole(project) -> None:
    outbox.ingest(project, None, CLIENT, [label(1, 60, 3)])
    with pytest.raises(ValueError, match="Decision 2 of this page never arrived"):
        outbox.ingest(project, None, CLIENT, [label(3, 61, 3), label(4, 62, 3)])
    with pytest.raises(ValueError, match="Decision 1 of this page never arrived"):
        outbox.ingest(project, None, "another-page", [label(2, 61, 3)])
    assert [seq for seq, *_ in stored(project)] == [1]


def test_a_gap_of_refused_decisions_is_none(project) -> None:
    receipt = outbox.ingest(project, None, CLIENT, [label(1, 60, 3), label(2, 9999, 3)])
    assert set(receipt.refused) == {2}
    receipt = outbox.ingest(project, None, CLIENT, [label(3, 61, 3)], refused=[2])
    assert set(receipt.acked) == {3}


def test_what_was_refused_stays_refused_when_it_comes_again(project) -> None:
    """Its answer was lost; stored now, it would stand behind decisions that were made after it."""
    kept = outbox.ingest(project, None, "page-before", [label(1, 60, 3)])
    number = kept.acked[1]
    again = {"seq": 1, "kind": "undo", "target": number, "pressed_at": NOW}
    decisions.undo(project, None, number)
    items = [again, label(2, 61, 3)]
    assert set(outbox.ingest(project, None, CLIENT, items).refused) == {1}
    decisions.undo(project, None, small_project.log(project)[-2].number)  # now it would fit
    receipt = outbox.ingest(project, None, CLIENT, items)
    assert "refused when it first arrived" in receipt.refused[1]
    assert set(receipt.acked) == {2}


def test_the_same_name_with_another_content_is_refused(project, bob) -> None:
    outbox.ingest(project, None, CLIENT, [label(1, 60, 3)])
    changes = {"pressed_at": NOW + 999, "image": small_project.image_hash(61)}
    again = [{**label(1, 60, 3), name: value} for name, value in changes.items()]
    for other in (label(1, 60, 4), label(1, 61, 3), *again):
        assert "another content" in outbox.ingest(project, None, CLIENT, [other]).refused[1]
    assert "another content" in outbox.ingest(bob, None, CLIENT, [label(1, 60, 3)]).refused[1]
    assert len(stored(project)) == 1


@pytest.mark.parametrize("early", [-1000, 0, 49.9])
def test_a_key_before_the_image_was_on_screen_is_no_decision(early, project) -> None:
    entry = {**label(1, 60, 3), "pressed_at": NOW + 100 + early}
    receipt = outbox.ingest(project, None, CLIENT, [entry])
    assert "had not been on screen for 50 ms" in receipt.refused[1]
    assert not stored(project)


@pytest.mark.parametrize(
    "items",
    [
        "none",
        [label(2, 60, 3), label(1, 61, 3)],
        [label(1, 60, 3), label(3, 61, 3)],
        [label(0, 60, 3)],
        [{**label(1, 60, 3), "seq": True}],
        ["label"],
        [label(seq, 60, 3) for seq in range(1, outbox.MOST_AT_ONCE + 2)],
    ],
)
def test_a_malformed_request_stores_nothing(items, project) -> None:
    with pytest.raises(ValueError, match="items: "):
        outbox.ingest(project, None, CLIENT, items)
    assert not stored(project)


@pytest.mark.parametrize("client", ["", "short", "with:colon:in", "x" * 49, "percent%sign", 7])
def test_a_client_is_named_plainly(client, project) -> None:
    with pytest.raises(ValueError, match="client: "):
        outbox.ingest(project, None, client, [label(1, 60, 3)])


def test_undo_goes_any_depth_and_reaches_what_an_earlier_page_left(project) -> None:
    made = [label(seq, 60 + seq, 3) for seq in range(1, 6)]
    outbox.ingest(project, None, CLIENT, made)
    before = state(project).labels.copy()
    assert (before[61:66] == 2).all()
    keys = [f"{CLIENT}:{seq}" for seq in range(5, 0, -1)]
    back = [undo(seq, key) for seq, key in enumerate(keys, start=1)]
    receipt = outbox.ingest(project, None, "page-after-reload", back)
    assert len(receipt.acked) == 5
    assert (state(project).labels[61:66] == -1).all()
    once_more = outbox.ingest(project, None, "page-after-reload", [undo(6, keys[0])])
    assert "undone already" in once_more.refused[6]


def test_undo_of_what_was_refused_or_is_another_readers_is_refused(project, bob) -> None:
    items = [label(1, 9999, 3), undo(2, f"{CLIENT}:1")]
    receipt = outbox.ingest(project, None, CLIENT, items)
    assert receipt.refused[2] == "There is nothing to take back: that decision was refused."
    outbox.ingest(project, None, "page-two-of-ann", [label(1, 60, 3)])
    theirs = outbox.ingest(bob, None, "page-of-bob", [undo(1, "page-two-of-ann:1")])
    assert "another reader's decision" in theirs.refused[1]


def test_both_readings_are_kept_and_the_second_reader_is_told(project, bob) -> None:
    outbox.ingest(project, None, CLIENT, [label(1, 60, 3)])
    receipt = outbox.ingest(bob, None, "page-of-bob", [label(1, 60, 4), label(2, 61, 4)])
    assert set(receipt.acked) == {1, 2}
    (conflict,) = receipt.conflicts
    assert (conflict.seq, conflict.position, conflict.reader) == (1, 60, "Ann")
    assert (conflict.class_id, conflict.class_name) == (3, "2")
    assert conflict.source is Source.EXPERT
    assert not outbox.ingest(project, None, CLIENT, [label(2, 62, 3)]).conflicts
    assert not outbox.ingest(project, None, CLIENT, [label(3, 62, 4)]).conflicts  # their own


def test_a_stranger_stores_nothing(project) -> None:
    stranger = enter(project.workspace, "Stranger")
    with pytest.raises(NotAllowed):
        outbox.ingest(stranger, 1, CLIENT, [label(1, 60, 3)])
    stranger.engine.dispose()
    assert not stored(project)


# -- which picture was painted ---------------------------------------------------------------------


@pytest.mark.slow
def test_a_decision_about_another_picture_is_refused_and_holds_up_no_other(reviewed) -> None:
    other = {"image": small_project.image_hash(99)}
    items = [
        {**label(1, 60, 3), **other},
        {**judged(2, "skip", 60), **other},
        {**judged(3, "accept", 61, round=1), **other},
        {**judged(4, "reject", 61, round=1), **other},
        {**judged(5, "relabel", 61, round=1, class_id=5), **other},
        label(6, 99, 3),
    ]
    receipt = outbox.ingest(reviewed, None, CLIENT, items)
    assert set(receipt.acked) == {6}
    for seq, position in enumerate([60, 60, 61, 61, 61], start=1):
        said = receipt.refused[seq]
        assert said.startswith(f"The page shows another picture as image {position} than this")
        assert said.endswith("Reload the page and look at it again.")
    assert [seq for seq, *_ in stored(reviewed)] == [6]


def test_the_event_keeps_which_picture_was_seen_and_verify_compares_it(project) -> None:
    outbox.ingest(project, None, CLIENT, [label(1, 60, 3), undo(2, f"{CLIENT}:1")])
    kept, back = small_project.log(project)[-2:]
    assert kept.payload["image"] == small_project.image_hash(60)
    assert "image" not in back.payload
    with reading(project.engine) as conn:
        assert (
            conn.execute(select(image.c.sha256).where(image.c.position == 60)).scalar()
            == (kept.payload["image"])
        )
    assert small_project.damage(project) is None


def test_what_a_page_of_an_older_version_left_behind_is_refused_with_a_sentence(project) -> None:
    old = label(1, 60, 3)
    del old["image"]
    receipt = outbox.ingest(project, None, CLIENT, [old, label(2, 61, 3)])
    assert set(receipt.acked) == {2}
    assert "does not say which picture was shown as image 60" in receipt.refused[1]
    assert receipt.refused[1].endswith("Reload the page and decide again.")


@pytest.mark.parametrize("image_hash", ["", "0" * 63, "0" * 65, "g" * 64, "A" * 64, 7])
def test_a_picture_is_named_by_its_hash(image_hash, project) -> None:
    receipt = outbox.ingest(project, None, CLIENT, [{**label(1, 60, 3), "image": image_hash}])
    assert receipt.refused[1].startswith("image: ")


# -- judgements on a round's predictions -----------------------------------------------------------


def proposed(access, position: int) -> int:
    probabilities, _ = small_project.published(access)
    return class_ids(access)[int(probabilities[position].argmax())]


def test_accept_reject_and_relabel_name_the_round(reviewed) -> None:
    first = proposed(reviewed, 60)
    items = [
        judged(1, "accept", 60, round=1, class_id=first),
        judged(2, "reject", 61, round=1),
        judged(3, "relabel", 62, round=1, class_id=5),
    ]
    receipt = outbox.ingest(reviewed, None, CLIENT, items)
    assert not receipt.refused
    assert stored(reviewed) == [
        (1, EventKind.ACCEPT, 60, first),
        (2, EventKind.REJECT, 61, proposed(reviewed, 61)),
        (3, EventKind.RELABEL, 62, 5),
    ]
    accepted = small_project.log(reviewed)[-3]
    assert 0 < accepted.payload["confidence"] <= 1
    assert {event.round_id for event in small_project.log(reviewed)[-3:]} == {1}
    assert outbox.ingest(reviewed, None, CLIENT, items) == receipt, "an accepted one fits again"


@pytest.mark.slow
def test_the_proposal_is_the_one_that_the_command_line_accepts(reviewed) -> None:
    positions = list(range(60, 80))
    alike = verdicts.accept(reviewed, None, positions)
    for event in alike:
        decisions.undo(reviewed, None, event.number)
    items = [judged(seq, "accept", at, round=1) for seq, at in enumerate(positions, start=1)]
    receipt = outbox.ingest(reviewed, None, CLIENT, items)
    again = [e for e in small_project.log(reviewed) if e.number in receipt.acked.values()]
    assert [e.class_id for e in again] == [e.class_id for e in alike]
    assert [e.payload["confidence"] for e in again] == [e.payload["confidence"] for e in alike]


def test_a_judgement_that_does_not_fit_is_refused(reviewed) -> None:
    held = next(p for p in range(small_project.LABELLED) if p % 6 == 5)
    other = next(each for each in class_ids(reviewed) if each != proposed(reviewed, 61))
    kinds = ("accept", "reject", "relabel")
    measuring = [(kind, p) for kind in kinds for p in (held, small_project.POOL)]
    items = [
        *(judged(0, kind, position, round=1, class_id=3) for kind, position in measuring),
        judged(0, "accept", 0, round=1),
        judged(0, "accept", 61, round=1, class_id=other),
        judged(0, "accept", 61, round=9),
        judged(0, "accept", 61),
        judged(0, "relabel", 61, round=1),
    ]
    items = [{**item, "seq": seq} for seq, item in enumerate(items, start=1)]
    refused = list(outbox.ingest(reviewed, None, CLIENT, items).refused.values())
    assert len(refused) == len(items)
    assert all("would spoil the measurement" in each for each in refused[:6])
    assert "already has a label" in refused[6]
    assert "no longer proposes that class" in refused[7]
    assert "Round 9 has not finished" in refused[8]
    assert "names no round" in refused[9]
    assert "names the right class" in refused[10]
    assert not stored(reviewed)


# -- any network -----------------------------------------------------------------------------------


class Page:
    """What outbox.js does, and the list of what was pressed."""

    def __init__(self) -> None:
        self.client = uuid.uuid4().hex
        self.pressed: list[dict] = []
        self.waiting: list[dict] = []
        self.known: list[int] = []
        self.verdict: dict[int, bool] = {}

    def press(self, kind: str, number: int) -> None:
        seq = len(self.pressed) + 1
        if kind == "undo":
            item = undo(seq, f"{self.client}:{max(1, seq - 1 - number % 3)}")
        else:
            position = 9999 if kind == "lost" else FREE[number % len(FREE)]
            item = label(seq, position, 1 + number % 10)
        self.pressed.append(item)
        self.waiting.append(item)

    def request(self) -> tuple:
        return self.client, list(self.waiting), list(self.known)

    def take(self, receipt: outbox.Receipt) -> None:
        settled = {**dict.fromkeys(receipt.acked, True), **dict.fromkeys(receipt.refused, False)}
        for seq, verdict in settled.items():
            assert self.verdict.setdefault(seq, verdict) == verdict, "an answer was taken back"
        self.waiting = [item for item in self.waiting if item["seq"] not in settled]
        self.known += [seq for seq in receipt.refused if seq not in self.known]


ACTS = st.one_of(
    st.tuples(st.sampled_from(["label", "label", "undo", "lost"]), st.integers(0, 999)),
    st.tuples(
        st.sampled_from(["send", "lose request", "lose answer", "repeat"]), st.integers(0, 9)
    ),
)


@pytest.mark.slow
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(acts=st.lists(ACTS, max_size=40))
# the second undo of the first decision is refused, and would fit once the last one is stored
@example(acts=[("label", 0), ("undo", 0), ("undo", 1), ("undo", 1), ("lose answer", 0)])
def test_whatever_the_network_does_what_was_pressed_is_stored_once_in_order(project, acts) -> None:
    page = Page()
    sent: list[tuple] = []
    for act, number in [*acts, ("send", 0)]:
        if act == "send":
            sent.append(page.request())
            page.take(outbox.ingest(project, None, *sent[-1]))
        elif act == "lose answer":
            sent.append(page.request())
            outbox.ingest(project, None, *sent[-1])
        elif act == "lose request":
            page.request()
        elif act == "repeat" and sent:  # a request that was delivered twice, the second time late
            outbox.ingest(project, None, *sent[number % len(sent)])
        elif act != "repeat":
            page.press(act, number)
    assert not page.waiting
    accepted = [item["seq"] for item in page.pressed if page.verdict[item["seq"]]]
    assert [seq for seq, *_ in stored(project, page.client)] == accepted
    said = {
        seq: (position, class_id) for seq, _, position, class_id in stored(project, page.client)
    }
    for item in page.pressed:
        if item["seq"] in said and item["kind"] == "label":
            assert said[item["seq"]] == (item["position"], item["class_id"])
    lost = [item["seq"] for item in page.pressed if item.get("position") == 9999]
    assert not set(lost) & set(accepted)


def test_the_receipt_names_every_decision_of_the_request(project) -> None:
    numbers = itertools.count(1)
    items = [label(next(numbers), 60 + at, 1 + at) for at in range(12)]  # two classes too many
    receipt = outbox.ingest(project, None, CLIENT, items)
    assert sorted([*receipt.acked, *receipt.refused]) == list(range(1, 13))
    assert sorted(receipt.refused) == [11, 12]


def test_a_decision_refused_by_the_store_leaves_the_transaction_whole(project) -> None:
    with pytest.raises(Refused):
        decisions.undo(project, None, 99_999)
    outbox.ingest(project, None, CLIENT, [label(1, 60, 3), label(2, 61, 99), label(3, 62, 3)])
    assert small_project.damage(project) is None
