"""What decisions do to what is proposed, frozen and trained on next."""

import numpy as np
import pytest
import small_project

from sslapp.store import label_classes
from sslapp.store.database import reading, writing
from sslapp.store.errors import KeyReused, Refused
from sslapp.store.images import pixel_hashes
from sslapp.store.snapshots import freeze, load
from sslapp.store.state import load_state
from sslapp.usecases.comparing.comparison import read_comparison
from sslapp.usecases.exporting.exports import export
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.labelling import decisions, outbox, picks, verdicts
from sslapp.usecases.labelling.worksheets import label_from_list
from sslapp.usecases.projects.classes import retire_class
from sslapp.usecases.projects.status import status
from sslapp.usecases.reporting.report import gather
from sslapp.usecases.reviewing import bulk_decisions
from sslapp.usecases.reviewing.board import read_board
from sslapp.usecases.reviewing.candidates import propose
from sslapp.usecases.training.history import history
from sslapp.usecases.training.rounds import round_status, start_round
from sslapp.vocabulary import EventKind, JobState, Source

IN_PIXELS = {
    "method": "supervised",
    "config": {"steps": 6, "batch_size": 8, "calibration_trainings": "one"},
}
"""A round of images that are not all embedded."""


def next_round(access, method: str = "label-propagation", **options) -> int:
    number = start_round(access, None, method=method, **options)
    small_project.run_jobs(access)
    assert round_status(access, None, number)["state"] == JobState.DONE
    return number


def standing(access):
    with reading(access.engine) as conn:
        return load_state(conn, 1)


def proposed(access, **options) -> dict[int, int]:
    """Position -> class column of every candidate."""
    found = propose(access, None, threshold=0.0, **options).candidates
    return dict(zip(found.positions.tolist(), found.columns.tolist(), strict=True))


# -- accepting -------------------------------------------------------------------------------------


def test_candidates_are_the_whole_pool_at_threshold_zero_and_the_best_class_each(reviewed) -> None:
    found = proposed(reviewed)
    assert sorted(found) == list(range(small_project.LABELLED, small_project.POOL))
    probabilities, _ = small_project.published(reviewed)
    assert all(probabilities[p].argmax() == column for p, column in found.items())


def test_candidates_come_most_doubtful_first_and_above_the_threshold(reviewed) -> None:
    confidence = propose(reviewed, None, threshold=0.6).candidates.confidence
    assert 0 < len(confidence) < small_project.POOL - small_project.LABELLED
    assert (np.diff(confidence) >= 0).all()
    assert confidence.min() >= 0.6


def test_accepting_gives_the_proposed_class_with_its_source(reviewed) -> None:
    column = proposed(reviewed)[60]
    (event,) = verdicts.accept(reviewed, None, [60])
    state = standing(reviewed)
    assert (state.labels[60], state.source[60]) == (column, Source.ACCEPTED)
    assert event.round_id == 1
    assert 60 not in proposed(reviewed)


@pytest.mark.parametrize(
    ("position", "why"),
    [
        (0, "already has a label .source: expert."),
        (5, "belongs to the holdout"),
        (small_project.POOL, "belongs to the test split"),
        (small_project.POOL + small_project.TEST, "covers images 0 to 159"),
        (-1, "covers images 0 to 159"),
    ],
)
@pytest.mark.parametrize("accept", [verdicts.accept, bulk_decisions.bulk_accept])
def test_what_may_not_be_accepted_is_refused_with_all_the_rest(
    accept, position, why, reviewed
) -> None:
    before = len(small_project.log(reviewed))
    with pytest.raises(ValueError, match=why):
        accept(reviewed, None, [60, position])
    assert len(small_project.log(reviewed)) == before


def test_a_bulk_acceptance_is_one_event_and_one_undo_takes_it_back(reviewed) -> None:
    found = proposed(reviewed)
    event = bulk_decisions.bulk_accept(reviewed, None, list(found), opened=3, unproven=True)
    assert event.members is not None and event.members.tolist() == sorted(found)
    assert status(reviewed).counts["accepted"] == len(found)
    decisions.label(reviewed, None, 60, "7")
    decisions.undo(reviewed, None, event.number)
    state = standing(reviewed)
    assert status(reviewed).counts["accepted"] == 0
    assert state.labels[60] == 7, "a later single decision stands"


def test_reader_actions_count_a_bulk_as_one_and_the_images_opened_for_it(reviewed) -> None:
    before = status(reviewed).counts["reader_actions"]
    bulk_decisions.bulk_accept(reviewed, None, [60, 61, 62], opened=2, unproven=True)
    bulk_decisions.withhold(reviewed, None, [63, 64])
    assert status(reviewed).counts["reader_actions"] == before + 3 + 1


def test_accepted_labels_are_trained_on_and_the_holdout_is_not(reviewed) -> None:
    bulk_decisions.bulk_accept(reviewed, None, [60, 61], unproven=True)
    with writing(reviewed.engine) as conn:
        snapshot = load(reviewed.workspace, freeze(conn, reviewed.workspace, 1))
    assert {60, 61} <= set(snapshot.labelled.tolist())
    assert set(snapshot.validation.tolist()) == {5, 11, 17, 23, 29, 35}
    assert not set(snapshot.validation.tolist()) & set(snapshot.labelled.tolist())


# -- rejecting, relabelling, withholding -----------------------------------------------------------


@pytest.mark.slow
def test_a_rejected_class_is_proposed_no_more_and_forbidden_in_the_next_snapshot(reviewed) -> None:
    column = proposed(reviewed)[60]
    verdicts.reject(reviewed, None, 60)
    assert proposed(reviewed)[60] != column
    with writing(reviewed.engine) as conn:
        snapshot = load(reviewed.workspace, freeze(conn, reviewed.workspace, 1))
    assert np.flatnonzero(snapshot.forbidden[60]).tolist() == [column]
    assert snapshot.forbidden.sum() == 1
    next_round(reviewed)
    assert proposed(reviewed)[60] != column


@pytest.mark.slow
def test_an_image_that_is_none_of_the_classes_leaves_the_pool(reviewed) -> None:
    for column in range(10):
        verdicts.reject(reviewed, None, 60, str(column))
    assert 60 not in proposed(reviewed)
    assert status(reviewed).counts["none_of_these"] == 1
    with pytest.raises(ValueError, match="no class to propose: fewer than two are left"):
        verdicts.accept(reviewed, None, [60])
    next_round(reviewed)


def test_a_rejection_by_name_needs_no_round(project) -> None:
    event = verdicts.reject(project, None, 60, "3")
    assert event.round_id is None
    assert standing(project).forbidden[60, 3]


def test_a_relabel_is_an_expert_label_that_names_its_round(reviewed) -> None:
    event = verdicts.relabel(reviewed, None, 60, "3")
    state = standing(reviewed)
    assert (state.labels[60], state.source[60], event.round_id) == (3, Source.EXPERT, 1)


@pytest.mark.slow
def test_withheld_images_are_off_the_list_until_the_next_round(reviewed) -> None:
    bulk_decisions.withhold(reviewed, None, [60, 61])
    assert not {60, 61} & set(proposed(reviewed))
    assert 62 in proposed(reviewed)
    next_round(reviewed)
    assert {60, 61} <= set(proposed(reviewed))
    assert not {60, 61} & set(proposed(reviewed, round_number=1))


def test_withholding_teaches_nothing(reviewed) -> None:
    with writing(reviewed.engine) as conn:
        before = freeze(conn, reviewed.workspace, 1)
    bulk_decisions.withhold(reviewed, None, [60, 61])
    with writing(reviewed.engine) as conn:
        assert freeze(conn, reviewed.workspace, 1).hash == before.hash


# -- labelling -------------------------------------------------------------------------------------


def test_the_same_key_again_is_the_same_event(project) -> None:
    first = decisions.label(project, None, 60, "3", key="k1")
    again = decisions.label(project, None, 60, "3", key="k1")
    assert first.number == again.number
    with pytest.raises(Refused, match="with another"):
        decisions.label(project, None, 61, "3", key="k1")


def test_a_repeated_key_gives_its_event_although_the_class_is_retired_since(project) -> None:
    first = decisions.label(project, None, 60, "3", key="k1")
    retire_class(project, None, "3")
    assert decisions.label(project, None, 60, "3", key="k1").number == first.number
    with pytest.raises(KeyReused, match="with another"):
        decisions.label(project, None, 60, "4", key="k1")
    with pytest.raises(KeyReused, match="with another"):
        decisions.note(project, None, EventKind.SKIP, 60, key="k1")


def test_an_unknown_class_or_image_is_refused_with_what_there_is(project) -> None:
    with pytest.raises(ValueError, match='no class "ten"; the classes are: 0, 1, 2'):
        decisions.label(project, None, 60, "ten")
    with pytest.raises(ValueError, match="it has 0 to 159"):
        decisions.label(project, None, 160, "3")


def test_only_unsure_skip_and_flag_are_notes(project) -> None:
    for kind in (EventKind.UNSURE, EventKind.SKIP, EventKind.FLAG):
        assert decisions.note(project, None, kind, 60, payload={"comment": "x"}).kind == kind
    with pytest.raises(ValueError, match="use unsure, skip or flag"):
        decisions.note(project, None, EventKind.LABEL, 60)


def test_names_that_two_images_share_are_refused_in_a_file(project, tmp_path) -> None:
    import_images(project, None, str(small_project.write_more(tmp_path / "digits.npz")))
    small_project.run_jobs(project)
    path = tmp_path / "labels.csv"
    path.write_text("image,class\ntrain/00060,3\n")
    before = len(small_project.log(project))
    with pytest.raises(ValueError, match=r"line 2: 2 images are called .*Add a column position"):
        label_from_list(project, None, path)
    assert len(small_project.log(project)) == before


def test_many_labels_are_saved_all_or_none(project) -> None:
    before = len(small_project.log(project))
    for wrong in ((61, "ten"), (999, "3")):
        with pytest.raises(ValueError, match=r"ten|999"):
            decisions.label_many(project, None, [(60, "3"), wrong], origin="a list")
    assert len(small_project.log(project)) == before
    assert decisions.label_many(project, None, [(60, "3"), (61, "4")], origin="a list") == 2


# -- classes and images that come and go -----------------------------------------------------------


@pytest.mark.slow
def test_a_class_retired_between_rounds_is_proposed_no_more(reviewed) -> None:
    with reading(reviewed.engine) as conn:
        three = label_classes.classes(conn, 1)[3]
    assert 3 in proposed(reviewed).values()
    with writing(reviewed.engine) as conn:
        label_classes.retire_class(conn, 1, three.id)
    found = propose(reviewed, None, threshold=0.0)
    names = {found.predictions.class_ids[column] for column in found.candidates.columns}
    assert three.id not in names
    for position in list(proposed(reviewed))[:5]:
        (event,) = verdicts.accept(reviewed, None, [position])
        assert event.class_id != three.id
    with pytest.raises(ValueError, match='no class "3"'):
        decisions.label(reviewed, None, 60, "3")
    number = next_round(reviewed)
    probabilities, _ = small_project.published(reviewed, number)
    assert probabilities.shape == (160, 9)
    truth = small_project.true_columns(reviewed)
    column = list(standing(reviewed).class_ids).index(found.predictions.class_ids[7])
    sevens = probabilities[small_project.POOL :][truth[small_project.POOL :] == 7]
    assert (sevens.argmax(axis=1) == column).mean() > 0.5, "columns moved"


@pytest.mark.slow
def test_a_second_import_appends_and_the_old_round_covers_what_it_knew(reviewed, tmp_path) -> None:
    before = proposed(reviewed)
    import_images(reviewed, None, str(small_project.write_more(tmp_path / "digits.npz")))
    small_project.run_jobs(reviewed)
    state = standing(reviewed)
    assert len(state.labels) == 320
    assert state.labels[:40].tolist() == small_project.true_columns(reviewed)[:40].tolist()
    assert proposed(reviewed) == before
    verdicts.accept(reviewed, None, [60])
    with pytest.raises(ValueError, match="covers images 0 to 159; image 170 came later"):
        verdicts.accept(reviewed, None, [170])
    next_round(reviewed, **IN_PIXELS)
    assert set(range(160, 280)) <= set(proposed(reviewed))
    verdicts.accept(reviewed, None, [170])
    assert small_project.damage(reviewed) is None


@pytest.fixture
def grown(reviewed, tmp_path):
    """Round 1 covers the images 0 to 159 of 320."""
    import_images(reviewed, None, str(small_project.write_more(tmp_path / "digits.npz")))
    small_project.run_jobs(reviewed)
    return reviewed


@pytest.mark.parametrize(
    "decide",
    [
        lambda who, at: verdicts.accept(who, None, [at]),
        lambda who, at: verdicts.reject(who, None, at, "3"),
        lambda who, at: verdicts.relabel(who, None, at, "3"),
        lambda who, at: bulk_decisions.bulk_accept(who, None, [60, at], unproven=True),
        lambda who, at: bulk_decisions.bulk_relabel(who, None, [60, at], "3"),
        lambda who, at: bulk_decisions.withhold(who, None, [60, at]),
    ],
    ids=["accept", "reject", "relabel", "bulk accept", "bulk relabel", "withhold"],
)
def test_a_round_is_judged_only_on_images_that_it_covers(grown, decide) -> None:
    before = standing(grown).event_number
    with pytest.raises(ValueError, match="Round 1 covers images 0 to 159; image 170 came later"):
        decide(grown, 170)
    assert standing(grown).event_number == before


def test_the_outbox_takes_no_judgement_of_an_image_that_the_round_does_not_cover(grown) -> None:
    with reading(grown.engine) as conn:
        (image,) = pixel_hashes(conn, 1, [170]).values()
    seen = {"placed_at": 0.0, "painted_at": 0.0, "pressed_at": 100.0, "round": 1}
    seen |= {"position": 170, "image": image}
    items = [
        {"seq": 1, "kind": "relabel", "class_id": 4, **seen},
        {"seq": 2, "kind": "reject", "class_id": 4, **seen},
    ]
    receipt = outbox.ingest(grown, None, "client-1", items)
    assert not receipt.acked
    assert all("image 170 came later" in why for why in receipt.refused.values())


@pytest.mark.slow
def test_older_judgements_of_images_that_a_round_does_not_cover_break_nothing(
    grown, tmp_path
) -> None:
    about = {"round_id": 1, "class_id": standing(grown).class_ids[3].item()}
    E = EventKind
    small_project.plant(grown, E.RELABEL, position=170, **about)
    small_project.plant(grown, E.ACCEPT, position=171, **about)
    small_project.plant(grown, E.WITHHOLD, position=172, round_id=1)
    small_project.plant(grown, E.BULK_WITHHOLD, members=np.array([60, 173]), round_id=1)
    small_project.plant(grown, E.BULK_RELABEL, members=np.array([61, 174]), **about)
    assert small_project.damage(grown) is None
    for name in ("report.html", "labels.csv", "images.zip"):
        row = small_project.finish(grown, export(grown, None, tmp_path / name))
        assert row["state"] == JobState.DONE, row["error"]
    board = read_board(grown, 1)
    assert not {60, 61, 170} & set(board.proposals.positions.tolist())
    assert set(proposed(grown)) == set(board.proposals.positions.tolist())
    assert history(grown, 1).accepted[1] == 3
    assert read_comparison(grown, 1, [1]).rounds
    with reading(grown.engine) as conn:
        (verdicts,) = gather(conn, grown.workspace, 1).verdicts
    counted = [sum(vars(line).values()) for line in verdicts.by_class.values()]
    assert sum(counted) == 1 + 2, "one acceptance, which names its class, and images 60 and 61"
    last = next(each for each in small_project.log(grown) if each.kind is E.BULK_RELABEL)
    decisions.undo(grown, None, last.number)
    next_round(grown, **IN_PIXELS)


def test_withholding_leaves_pool_and_holdout_as_they_are(reviewed) -> None:
    before = standing(reviewed)
    measured = (np.flatnonzero(before.holdout)[0], np.flatnonzero(before.is_test)[0])
    for each in measured:
        with pytest.raises(ValueError, match="would spoil the measurement"):
            bulk_decisions.withhold(reviewed, None, [60, int(each)])
    bulk_decisions.withhold(reviewed, None, [60])
    after = standing(reviewed)
    assert after.event_number == before.event_number + 1
    np.testing.assert_array_equal(after.pool, before.pool)
    np.testing.assert_array_equal(after.holdout, before.holdout)


def test_features_that_do_not_cover_a_later_import_are_refused_with_the_mend(
    reviewed, tmp_path
) -> None:
    import_images(reviewed, None, str(small_project.write_more(tmp_path / "digits.npz")))
    small_project.run_jobs(reviewed)
    with pytest.raises(ValueError, match=r"Not all images are embedded yet\. Run `sslapp embed`"):
        picks.next_images(reviewed, None)
    with pytest.raises(ValueError, match="Not all images are embedded yet"):
        start_round(reviewed, None, method="supervised", gear="features")


def test_a_class_may_have_a_threshold_of_its_own(reviewed):
    def columns(**options):
        found = propose(reviewed, None, **options)
        return found.candidates.columns, found.predictions.class_ids

    everything, class_ids = columns(threshold=0.0)
    names = {each.id: each.name for each in status(reviewed).classes}
    chosen = int(everything[0])
    kept, _ = columns(threshold=0.0, per_class={names[class_ids[chosen]]: 1.0})
    assert chosen not in kept
    assert len(kept) == (everything != chosen).sum()
    with pytest.raises(ValueError, match='no class "ghost"'):
        columns(threshold=0.0, per_class={"ghost": 0.5})


@pytest.mark.parametrize("decide", [verdicts.relabel, verdicts.reject])
def test_a_prediction_is_not_judged_where_accuracy_is_measured(reviewed, decide):
    before = standing(reviewed)
    for measured in (np.flatnonzero(before.holdout)[0], np.flatnonzero(before.is_test)[0]):
        with pytest.raises(ValueError, match="would spoil the measurement"):
            decide(reviewed, None, int(measured), "3")
    assert standing(reviewed).event_number == before.event_number
