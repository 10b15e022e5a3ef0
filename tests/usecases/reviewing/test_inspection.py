"""What the review desk is told about an image: probabilities, history, evidence, leases."""

import numpy as np
import pytest
import small_project
from small_project import TINY_SUPERVISED

from sslapp import durable
from sslapp.review.candidates import candidates
from sslapp.store import label_classes, projects
from sslapp.store.database import reading, writing
from sslapp.store.embeddings import latest_embedding
from sslapp.store.errors import Refused, Unknown
from sslapp.store.people.readers import grant
from sslapp.store.rounds import finished_round, forbidden_now
from sslapp.store.schema import lease
from sslapp.store.state import load_state
from sslapp.training.calibration.scaling import Temperature
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.labelling import decisions, verdicts
from sslapp.usecases.labelling.picks import next_images
from sslapp.usecases.reviewing import bulk_decisions
from sslapp.usecases.reviewing.inspection import Blind, claim_page, inspect, tiles
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import Role, Source, Space

IMAGE = 70
HOLDOUT = 5


@pytest.fixture
def ids(reviewed) -> list[int]:
    """Class ids in column order."""
    with reading(reviewed.engine) as conn:
        return [each.id for each in label_classes.classes(conn, 1)]


def another_reader(access, name: str):
    other = enter(access.workspace, name)
    with writing(access.engine) as conn:
        grant(conn, 1, other.reader_id, Role.READER)
    return other


def nearest_by_hand(access, position: int, space: Space, k: int = 5) -> list[tuple[int, int]]:
    """(position, class id) of the k nearest by cosine, among what is trained on and an expert's."""
    with reading(access.engine) as conn:
        row, state = latest_embedding(conn, 1), load_state(conn, 1)
        own = finished_round(conn, 1, 1).features
    path = own if space is Space.ROUND else row["features"]
    features = np.asarray(durable.read_array(access.workspace.path(path)), np.float64)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    experts = [
        each
        for each in state.labelled.tolist()
        if state.source[each] in (Source.EXPERT, Source.ADJUDICATED) and each != position
    ]
    order = sorted(experts, key=lambda each: (1 - features[each] @ features[position], each))
    return [(each, int(state.class_ids[state.labels[each]])) for each in order[:k]]


def test_probabilities_are_the_rounds_raw_and_calibrated_most_probable_first(reviewed, ids) -> None:
    raw, temperature = small_project.published(reviewed)
    smooth = Temperature(temperature).apply(raw)[IMAGE]
    found = inspect(reviewed, None, 1, IMAGE)
    told = {each.class_id: (each.raw, each.calibrated) for each in found.lines}
    for column, class_id in enumerate(ids):
        assert told[class_id] == pytest.approx((raw[IMAGE, column], smooth[column]), abs=1e-6)
    values = [each.calibrated for each in found.lines]
    assert values == sorted(values, reverse=True)
    assert found.temperature == temperature
    third = "a third of the labels, n = 12, upper limit"
    assert found.calibration == f"calibrated, T = {temperature:.2f}, {third}"
    assert found.calibrated


def test_the_proposal_is_the_one_that_would_be_accepted(reviewed) -> None:
    positions = np.arange(40, 120)
    with reading(reviewed.engine) as conn:
        found = finished_round(conn, 1)
        state = load_state(conn, 1)
    smooth = Temperature(found.temperature).apply(found.read_probabilities(reviewed.workspace))
    forbidden = forbidden_now(state, found.class_ids, len(smooth))
    none = np.zeros(0, dtype=np.int64)
    best = candidates(smooth, positions, 0.0, forbidden, none)
    order = np.argsort(best.positions)
    columns, confidence = best.columns[order], best.confidence[order]
    class_ids = found.class_ids
    found = tiles(reviewed, None, 1, positions)
    assert [each.proposed for each in found] == [class_ids[c] for c in columns]
    np.testing.assert_allclose([each.confidence for each in found], confidence, rtol=1e-6)


def test_a_rejected_class_is_ruled_out_and_no_longer_proposed(reviewed) -> None:
    before = inspect(reviewed, None, 1, IMAGE)
    verdicts.reject(reviewed, None, IMAGE)
    after = inspect(reviewed, None, 1, IMAGE)
    assert [each.class_id for each in after.lines if each.forbidden] == [before.tile.proposed]
    assert after.tile.proposed not in (None, before.tile.proposed)


def test_a_retired_class_is_neither_listed_nor_proposed(reviewed) -> None:
    gone = inspect(reviewed, None, 1, IMAGE).tile.proposed
    with writing(reviewed.engine) as conn:
        label_classes.retire_class(conn, 1, gone)
    found = inspect(reviewed, None, 1, IMAGE)
    assert gone not in [each.class_id for each in found.lines]
    assert found.tile.proposed != gone


def test_the_current_label_names_source_and_reader(reviewed) -> None:
    assert inspect(reviewed, None, 1, IMAGE).tile.label is None
    bea = another_reader(reviewed, "Bea")
    bulk_decisions.bulk_accept(bea, None, np.array([IMAGE]), unproven=True)
    label = inspect(reviewed, None, 1, IMAGE).tile.label
    assert (label.source, label.reader) == (Source.ACCEPTED, "Bea")
    verdicts.relabel(reviewed, None, IMAGE, "3")
    label = inspect(reviewed, None, 1, IMAGE).tile.label
    assert (label.source, label.reader) == (Source.EXPERT, "Ann")


def test_a_withheld_image_says_so_for_its_round(reviewed) -> None:
    bulk_decisions.withhold(reviewed, None, [IMAGE])
    assert [each.withheld for each in tiles(reviewed, None, 1, [IMAGE, IMAGE + 1])] == [True, False]


@pytest.mark.parametrize("space", Space)
def test_evidence_is_the_nearest_that_experts_labelled_outside_the_holdout(
    reviewed, space: Space
) -> None:
    for position in (IMAGE, 3):  # the second is labelled itself and no evidence of its own
        told = inspect(reviewed, None, 1, position, space)
        near = [(each.position, each.class_id) for each in told.evidence]
        assert (near, told.space) == (nearest_by_hand(reviewed, position, space), space)
        assert HOLDOUT not in [each.position for each in told.evidence]


def test_evidence_is_looked_for_among_the_rounds_own_features_unless_it_has_none(
    reviewed, ensembled
) -> None:
    assert inspect(reviewed, None, 1, IMAGE) == inspect(reviewed, None, 1, IMAGE, Space.ROUND)
    assert inspect(ensembled, None, 1, IMAGE).space is Space.ENCODER
    with pytest.raises(Refused, match="Round 1 has no features of its own"):
        inspect(ensembled, None, 1, IMAGE, Space.ROUND)


def test_evidence_follows_the_experts_and_not_what_was_accepted(reviewed) -> None:
    near = inspect(reviewed, None, 1, IMAGE).evidence[0]
    bulk_decisions.bulk_accept(reviewed, None, np.arange(40, 60), unproven=True)
    assert inspect(reviewed, None, 1, IMAGE).evidence[0] == near
    other = "7" if near.class_id != inspect(reviewed, None, 1, IMAGE).lines[0].class_id else "8"
    event = decisions.label(reviewed, None, near.position, other)
    changed = inspect(reviewed, None, 1, IMAGE).evidence[0]
    assert (changed.position, changed.class_id) == (near.position, event.class_id)


@pytest.mark.parametrize("space", Space)
def test_a_tile_is_marked_where_most_of_its_evidence_speaks_for_another_class(
    reviewed, space: Space
) -> None:
    positions = np.arange(40, 120)
    weights = 1 / np.arange(1, 6)
    for tile in tiles(reviewed, None, 1, positions, space):
        near = nearest_by_hand(reviewed, tile.position, space)
        against = [each != tile.proposed for _, each in near]
        assert tile.disagrees == (weights[against].sum() / weights.sum() >= 0.5)


def test_a_flip_names_the_class_of_the_round_before(reviewed, ids) -> None:
    assert not any(each.flipped for each in tiles(reviewed, None, 1, np.arange(40, 120)))
    start_round(reviewed, None, method="supervised", config={**TINY_SUPERVISED, "steps": 8}, seed=5)
    small_project.run_jobs(reviewed)
    first, _ = small_project.published(reviewed, 1)
    second, _ = small_project.published(reviewed, 2)
    columns = first[40:120].argmax(1), second[40:120].argmax(1)
    flipped = np.array([each.flipped for each in tiles(reviewed, None, 2, np.arange(40, 120))])
    np.testing.assert_array_equal(flipped, columns[0] != columns[1])
    one = int(np.flatnonzero(flipped)[0])
    assert inspect(reviewed, None, 2, 40 + one).before == ids[columns[0][one]]


@pytest.mark.parametrize("position", [HOLDOUT, small_project.POOL + 3])
def test_an_image_that_measures_is_not_inspected_and_its_tile_is_empty(reviewed, position) -> None:
    with pytest.raises(Blind, match="must not see a prediction"):
        inspect(reviewed, None, 1, position)
    (tile,) = tiles(reviewed, None, 1, [position])
    assert tile.blind
    assert (tile.proposed, tile.confidence, tile.label, tile.disagrees) == (None, 0, None, False)


@pytest.mark.parametrize(
    ("number", "position", "why"), [(7, IMAGE, "Round 7"), (1, 4000, "4000"), (1, -1, "-1")]
)
def test_what_the_project_does_not_have_is_named(reviewed, number, position, why) -> None:
    with pytest.raises(Unknown, match=why):
        inspect(reviewed, None, number, position)


def test_a_stranger_learns_nothing(reviewed) -> None:
    stranger = enter(reviewed.workspace, "Mallory")
    for work in (lambda: inspect(stranger, 1, 1, IMAGE), lambda: tiles(stranger, 1, 1, [IMAGE])):
        with pytest.raises(NotAllowed):
            work()
    with pytest.raises(NotAllowed):
        claim_page(stranger, 1, 1, [IMAGE])


def test_a_page_that_one_reader_has_open_is_not_given_to_another(reviewed) -> None:
    bea = another_reader(reviewed, "Bea")
    assert claim_page(reviewed, None, 1, [50, 51, 52]) == {}
    assert claim_page(bea, None, 1, [52, 53]) == {52: "Ann"}
    assert claim_page(reviewed, None, 1, [50, 51, 53]) == {53: "Bea"}, "own ones are renewed"
    assert claim_page(bea, None, 1, [52, 53]) == {}, "what Ann turned away from is free"


def test_where_several_may_read_an_image_nothing_is_leased(reviewed) -> None:
    with writing(reviewed.engine) as conn:
        settings = projects.find_project(conn, 1).settings.model_copy(
            update={"single_reads": False}
        )
        conn.execute(
            projects.project.update()
            .where(projects.project.c.id == 1)
            .values(settings=settings.model_dump())
        )
    bea = another_reader(reviewed, "Bea")
    assert claim_page(reviewed, None, 1, [50]) == claim_page(bea, None, 1, [50]) == {}
    with reading(reviewed.engine) as conn:
        assert conn.execute(lease.select()).all() == []


def test_each_member_says_its_likeliest_class_and_its_share(ensembled) -> None:
    with reading(ensembled.engine) as conn:
        found = finished_round(conn, 1)
    names, said = found.read_members(ensembled.workspace)
    told = inspect(ensembled, None, 1, IMAGE)
    best = said[IMAGE].argmax(axis=1)
    assert [each.name for each in told.members] == list(names)
    assert [each.class_id for each in told.members] == [found.class_ids[c] for c in best]
    shares = said[IMAGE].max(axis=1).astype(np.float64)
    assert [each.share for each in told.members] == pytest.approx(shares, abs=1e-3)
    (first, *_) = next_images(ensembled, None, 1, strategy="disagreement")
    assert inspect(ensembled, None, 1, first.position).apart == pytest.approx(first.score, abs=1e-6)


def test_what_readers_ruled_out_is_no_members_word(ensembled) -> None:
    (before, *_) = inspect(ensembled, None, 1, IMAGE).members
    with reading(ensembled.engine) as conn:
        names = {each.id: each.name for each in label_classes.classes(conn, 1)}
    verdicts.reject(ensembled, None, IMAGE, names.pop(before.class_id))
    (after, *_) = inspect(ensembled, None, 1, IMAGE).members
    assert after.class_id in names
    for each in list(names.values())[:-1]:
        verdicts.reject(ensembled, None, IMAGE, each)
    told = inspect(ensembled, None, 1, IMAGE)
    assert {(each.class_id, each.share) for each in told.members} == {(None, 0)}
    assert told.apart == 0


def test_a_round_that_is_no_ensembles_has_no_members(reviewed) -> None:
    assert inspect(reviewed, None, 1, IMAGE).members == ()
