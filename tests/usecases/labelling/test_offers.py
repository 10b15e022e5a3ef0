"""The queue of a reader: leases, the holdout's share, what is gone, and nothing embedded yet."""

from datetime import timedelta

import numpy as np
import pytest
import small_project
from sqlalchemy import update

from sslapp.store.database import reading, writing
from sslapp.store.log.chain import now
from sslapp.store.schema import embedding, lease
from sslapp.store.schema import project as project_table
from sslapp.store.state import load_state
from sslapp.usecases.access import enter
from sslapp.usecases.labelling import decisions, offers, tally
from sslapp.usecases.people.members import grant
from sslapp.usecases.projects.classes import retire_class
from sslapp.vocabulary import EventKind, Role

FREE = set(range(small_project.LABELLED, small_project.POOL))


@pytest.fixture
def bob(project):
    grant(project, None, "Bob", Role.READER)
    access = enter(project.workspace, "Bob")
    yield access
    access.engine.dispose()


def positions(offer: offers.Offer) -> list[int]:
    return [each.position for each in offer.items]


def drawn(access) -> int:
    return sum(event.kind is EventKind.DRAW_HOLDOUT for event in small_project.log(access))


def lapse(access) -> None:
    with writing(access.engine) as conn:
        conn.execute(update(lease).values(expires_at=now() - timedelta(seconds=1)))


@pytest.mark.slow
def test_no_image_is_given_to_two_readers(project, bob) -> None:
    anns = positions(offers.refill(project, None, count=20))
    bobs = positions(offers.refill(bob, None, count=20))
    assert len(set(anns)) == len(set(bobs)) == 20
    assert not set(anns) & set(bobs)
    assert set(anns) | set(bobs) <= FREE


def test_an_image_is_offered_again_once_its_reader_lets_go_or_is_gone(project, bob) -> None:
    anns = positions(offers.refill(project, None, count=60))
    assert not set(positions(offers.refill(bob, None, count=60))) & set(anns)
    offers.release(bob, None)
    offers.release(project, None, anns[:10])
    assert set(positions(offers.refill(bob, None, count=60))) & set(anns) == set(anns[:10])
    offers.release(bob, None)
    lapse(project)
    assert set(positions(offers.refill(bob, None, count=80))) & set(anns[10:])


def test_a_page_that_answers_keeps_its_images_and_hears_which_are_gone(project, bob) -> None:
    mine = positions(offers.refill(project, None, count=10))
    assert offers.keep(project, None, mine) == []
    lapse(project)
    offers.refill(bob, None, count=80)
    assert set(offers.keep(project, None, mine)) <= set(mine)
    assert len(offers.keep(project, None, mine)) > 0
    offers.release(bob, None)
    assert offers.keep(project, None, mine) == []
    decisions.label(bob, None, mine[0], "3")
    decisions.note(project, None, EventKind.SKIP, mine[1])
    decisions.note(project, None, EventKind.UNSURE, mine[2])
    decisions.note(project, None, EventKind.FLAG, mine[3])
    assert offers.keep(project, None, mine) == mine[:3]


def test_without_single_reads_readers_share_and_nothing_is_leased(project, bob) -> None:
    with writing(project.engine) as conn:
        conn.execute(update(project_table).values(settings={"single_reads": False}))
    anns = positions(offers.refill(project, None, count=30))
    assert set(positions(offers.refill(bob, None, count=80))) & set(anns)
    assert offers.keep(bob, None, anns) == []


def test_what_is_in_hand_is_not_offered_again(project) -> None:
    first = positions(offers.refill(project, None, count=30))
    second = positions(offers.refill(project, None, have=first, count=30))
    assert len(second) == 30
    assert not set(first) & set(second)


def test_every_fifth_image_is_for_the_holdout_however_often_the_page_is_opened(project) -> None:
    before = drawn(project)
    for _ in range(5):
        offer = offers.refill(project, None, count=40)
        assert len(positions(offer)) == 40
    assert drawn(project) - before == 8
    places = [at for at, each in enumerate(offer.items) if each.strategy == "holdout"]
    assert np.diff(places).tolist() == [5] * 7
    more = offers.refill(project, None, have=positions(offer), count=20)
    assert [each.strategy for each in more.items].count("holdout") == 4


def test_what_waits_for_the_holdout_is_offered_when_nothing_else_is_left(project) -> None:
    offers.refill(project, None)
    with reading(project.engine) as conn:
        state = load_state(conn, 1)
        held = np.flatnonzero(state.holdout & (state.labels < 0)).tolist()
    for position in sorted(FREE - set(held)):
        decisions.label(project, None, position, "3")
    assert set(positions(offers.refill(project, None))) == set(held)


@pytest.mark.slow
def test_all_is_read_once_and_then_there_is_nothing(project) -> None:
    read: list[int] = []
    while items := offers.refill(project, None, count=25).items:
        for each in items:
            decisions.label(project, None, each.position, "3")
        read += [each.position for each in items]
    assert sorted(read) == sorted(FREE)
    found = tally.label_progress(project, None)
    assert found.labelled == found.images == small_project.POOL


def test_without_an_embedding_chance_decides_and_the_page_says_so(project) -> None:
    with writing(project.engine) as conn:
        conn.execute(embedding.delete())
    for strategy in ("auto", "typiclust"):
        offer = offers.refill(project, None, count=30, strategy=strategy)
        assert len(positions(offer)) == 30
        assert "embedded" in offer.note
    lacking = {each.name: each.why_not for each in offers.opening(project, None).strategies}
    assert lacking == {
        "auto": "",
        "typiclust": "needs an embedding",
        "margin": "needs an embedding",
        "disagreement": "needs an embedding",
        "random": "",
        "holdout": "",
    }


def test_the_holdout_is_filled_without_an_embedding_too(project) -> None:
    with writing(project.engine) as conn:
        conn.execute(embedding.delete())
    offer = offers.refill(project, None, count=12, strategy="holdout")
    assert len(positions(offer)) == 12
    assert {each.strategy for each in offer.items} == {"holdout"}
    with reading(project.engine) as conn:
        state = load_state(conn, 1)
    assert state.holdout[positions(offer)].all()
    again = offers.refill(project, None, have=positions(offer), count=50, strategy="holdout")
    assert len(positions(again)) == 30 - 12 - 6, "six were labelled before, twelve are in hand"


def test_a_large_pool_is_chosen_from_by_a_random_part_of_it(project, monkeypatch) -> None:
    monkeypatch.setattr(offers, "CONSIDERED", 12)
    assert len(positions(offers.refill(project, None, count=30))) <= 12 + 6


def test_a_strategy_that_needs_a_round_is_offered_with_one(project, reviewed) -> None:
    assert {each.name: each.why_not for each in offers.opening(project, None).strategies}["margin"]
    opening = offers.opening(reviewed, None)
    assert not {each.name: each.why_not for each in opening.strategies}["margin"]
    offer = offers.refill(reviewed, None, count=10, strategy="margin")
    assert {each.strategy for each in offer.items} <= {"margin", "holdout"}


def test_disagreement_is_offered_where_the_newest_round_has_members(
    project, reviewed, ensembled
) -> None:
    def lacking(access) -> str:
        found = {each.name: each.why_not for each in offers.opening(access, None).strategies}
        return found["disagreement"]

    assert lacking(project) == lacking(reviewed) == "needs an ensemble"
    assert lacking(ensembled) == ""
    offer = offers.refill(ensembled, None, count=10, strategy="disagreement")
    chosen = [each for each in offer.items if each.strategy == "disagreement"]
    assert len(chosen) == 10
    assert all(" say" in each.reason or " agree " in each.reason for each in chosen)


def test_counts_follow_undo_and_retired_classes(project) -> None:
    before = tally.label_progress(project, None)
    with reading(project.engine) as conn:
        state = load_state(conn, 1)
    assert sum(before.per_class.values()) == before.labelled == small_project.LABELLED
    assert list(before.per_class.values()) == np.bincount(state.labels[state.labels >= 0]).tolist()
    assert (before.holdout, before.holdout_labelled) == (6, 6)
    event = decisions.label(project, None, 60, "3")
    assert tally.label_progress(project, None).labelled == before.labelled + 1
    decisions.undo(project, None, event.number)
    assert tally.label_progress(project, None) == before
    retire_class(project, None, "3")
    after = tally.label_progress(project, None)
    assert len(after.per_class) == 9
    assert after.labelled == before.labelled - before.per_class[4]


def test_a_reader_takes_back_their_own_standing_decisions_alone(project, bob) -> None:
    mine = decisions.label(project, None, 60, "3")
    decisions.label(bob, None, 61, "3")
    flag = decisions.note(project, None, EventKind.FLAG, 62, payload={"comment": "blurred"})
    found = tally.decided(project, None)
    assert [each.number for each in found[:2]] == [flag.number, mine.number]
    assert found[0].comment == "blurred"
    decisions.undo(project, None, mine.number)
    assert mine.number not in [each.number for each in tally.decided(project, None)]
    assert [each.position for each in tally.decided(bob, None)] == [61]
    assert len(tally.decided(project, None, before=20, count=3)) == 3
