"""What is offered next: the holdout's share, groups, what was passed over."""

import re

import numpy as np
import pytest
import small_project
from PIL import Image

from sslapp.acquisition import zero_shot
from sslapp.acquisition.registry import STRATEGIES
from sslapp.datasets.pictures.reading import Reading
from sslapp.store import images
from sslapp.store.database import reading, writing
from sslapp.store.rounds import Members, finished_round
from sslapp.store.schema import label_class
from sslapp.store.state import load_state
from sslapp.training.calibration.scaling import Temperature
from sslapp.usecases.access import enter
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.labelling import decisions, verdicts
from sslapp.usecases.labelling.offers import refill
from sslapp.usecases.labelling.picks import next_images
from sslapp.usecases.projects.classes import retire_class
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.reviewing.board import read_board
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import EventKind
from sslapp.workspace import Workspace


def positions(picks) -> list[int]:
    return [each.position for each in picks]


def drawn(access) -> list[int]:
    return [e.position for e in small_project.log(access) if e.kind == EventKind.DRAW_HOLDOUT]


def test_picks_are_unlabelled_pool_images_each_once_with_a_reason(project) -> None:
    found = next_images(project, None, 20)
    assert len(set(positions(found))) == 20
    assert all(small_project.LABELLED <= p < small_project.POOL for p in positions(found))
    assert all(each.reason for each in found)


def test_every_fifth_pick_is_drawn_for_the_holdout_and_recorded(project) -> None:
    before = len(drawn(project))
    found = next_images(project, None, 20)
    held = [each.position for each in found if each.holdout]
    assert len(held) == 4
    assert drawn(project)[before:] == held


def test_asking_again_draws_no_second_holdout_image(project) -> None:
    first = [each.position for each in next_images(project, None, 10) if each.holdout]
    recorded = drawn(project)
    again = next_images(project, None, len(first))
    assert positions(again) == sorted(first), "images that wait come first"
    assert drawn(project) == recorded


def test_a_drawn_image_is_offered_until_it_is_labelled_and_then_not(project) -> None:
    held = [each.position for each in next_images(project, None, 10) if each.holdout]
    decisions.label(project, None, held[0], "3")
    assert held[0] not in positions(next_images(project, None, 20))
    with reading(project.engine) as conn:
        state = load_state(conn, 1)
    assert held[0] in state.validation
    assert held[0] not in state.labelled


def test_an_image_labelled_while_it_was_being_drawn_stays_out_of_the_holdout(
    project, monkeypatch
) -> None:
    """Another reader's label lands between the choice and its record."""
    from sslapp.acquisition import registry

    choose, before = registry.pick, drawn(project)

    def choose_while_another_labels(*asked):
        found = choose(*asked)
        for each in found:
            if each.holdout:
                decisions.label(project, None, each.position, "3")
        return found

    monkeypatch.setattr(registry, "pick", choose_while_another_labels)
    next_images(project, None, 10)
    assert drawn(project) == before


def test_a_skipped_image_is_not_offered_to_the_same_reader_again(project) -> None:
    offered = [each.position for each in next_images(project, None, 5) if not each.holdout]
    event = decisions.note(project, None, EventKind.SKIP, offered[0])
    assert offered[0] not in positions(next_images(project, None, 100))
    decisions.undo(project, None, event.number)
    assert offered[0] in positions(next_images(project, None, 100))


def test_an_image_nobody_is_sure_of_is_not_offered(project) -> None:
    offered = [each.position for each in next_images(project, None, 5) if not each.holdout]
    decisions.note(project, None, EventKind.UNSURE, offered[0])
    assert offered[0] not in positions(next_images(project, None, 100))


def test_the_same_question_gets_the_same_answer(project, reviewed) -> None:
    for access in (project, reviewed):
        twice = [positions(next_images(access, None, 8, strategy="typiclust")) for _ in range(2)]
        assert twice[0] == twice[1]


def test_margin_asks_about_what_the_round_doubts(reviewed) -> None:
    probabilities, _ = small_project.published(reviewed)
    best = np.sort(probabilities, axis=1)
    margins = best[:, -1] - best[:, -2]
    asked = positions(next_images(reviewed, None, 8, strategy="margin"))
    pool = np.arange(small_project.LABELLED, small_project.POOL)
    assert margins[asked].mean() < margins[pool].mean() / 2


@pytest.mark.parametrize("left", [1, 2, 9])
@pytest.mark.parametrize("strategy", [each for each in STRATEGIES if each != zero_shot.NAME])
def test_every_strategy_goes_on_when_classes_of_the_round_are_retired(
    ensembled, strategy, left
) -> None:
    for number in range(9, left - 1, -1):
        retire_class(ensembled, None, str(number))
    picks = next_images(ensembled, None, 12, strategy=strategy)
    assert len(set(positions(picks))) == 12
    assert refill(ensembled, None, count=12, strategy=strategy).items
    assert len(read_board(ensembled, 1).proposals) == 0 or left > 1


def members_of(access) -> Members:
    """What the members of the first round's ensemble said."""
    with reading(access.engine) as conn:
        found = finished_round(conn, 1, 1).read_members(access.workspace)
    assert found is not None
    return found


def test_disagreement_asks_about_what_the_members_are_of_two_minds_about(ensembled) -> None:
    said = members_of(ensembled).probabilities.astype(np.float64)
    mean = said.mean(axis=1)
    entropies = [-(p * np.log(np.maximum(p, 1e-12))).sum(-1) for p in (mean, said)]
    apart = entropies[0] - entropies[1].mean(axis=1)
    (first, *others) = next_images(ensembled, None, 5, strategy="disagreement")
    pool = np.arange(small_project.LABELLED, small_project.POOL)
    assert first.position == pool[apart[pool].argmax()]
    assert first.score == pytest.approx(apart[first.position], abs=1e-3)
    assert all(apart[each.position] > np.median(apart[pool]) for each in others)
    assert not any(each.holdout for each in (first, *others))


def test_of_a_large_pool_the_members_are_asked_about_what_is_considered(ensembled) -> None:
    found = next_images(ensembled, None, 20, strategy="disagreement", considered=20)
    assert len(found) == 20
    assert not any("say nothing" in each.reason for each in found)
    best = next_images(ensembled, None, 20, strategy="disagreement")
    assert set(positions(found)) != set(positions(best))
    scores = [each.score for each in found]
    assert max(scores) <= best[0].score
    assert scores[0] == max(scores)


def test_its_reason_names_the_classes_of_the_round(ensembled) -> None:
    names, said = members_of(ensembled)
    (first, *_) = next_images(ensembled, None, 1, strategy="disagreement")
    best = dict(zip(names, said[first.position].argmax(axis=1), strict=True))
    assert names == ("linear probe", "prototypes", "label propagation")
    assert len(set(best.values())) > 1, "they differ"
    assert first.reason.startswith("Linear probe")
    assert {str(each) for each in best.values()} <= set(re.findall(r"\d", first.reason))


def test_a_class_that_a_reader_ruled_out_is_no_members_word(ensembled) -> None:
    (first, *_) = next_images(ensembled, None, 1, strategy="disagreement")
    before = set(re.findall(r"\d", first.reason))
    for each in sorted(before):
        verdicts.reject(ensembled, None, first.position, each)
    everything = next_images(ensembled, None, small_project.POOL, strategy="disagreement")
    (again,) = (each for each in everything if each.position == first.position)
    assert not before & set(re.findall(r"\b\d\b", again.reason))


def test_disagreement_with_a_newest_round_without_members_is_refused(reviewed, ensembled) -> None:
    with pytest.raises(ValueError, match="Train the ensemble of heads"):
        next_images(reviewed, None, 5, strategy="disagreement")
    start_round(ensembled, None, method="label-propagation")
    small_project.run_jobs(ensembled)
    with pytest.raises(ValueError, match="Train the ensemble of heads"):
        next_images(ensembled, None, 5, strategy="disagreement")


def test_images_that_came_after_the_round_are_picked_last(ensembled, tmp_path) -> None:
    source = small_project.write_more(tmp_path / "more.npz")
    import_images(ensembled, None, str(source))
    small_project.run_jobs(ensembled)
    embed(ensembled, None)
    small_project.run_jobs(ensembled)
    covered = small_project.POOL + small_project.TEST
    found = next_images(ensembled, None, 500, strategy="disagreement")
    assert len(found) == 2 * small_project.POOL - small_project.LABELLED
    newer = [each for each in found if each.position >= covered]
    assert found[-len(newer) :] == newer
    assert {each.reason for each in newer} == {"The last round's members say nothing about it."}


def test_doubt_is_about_the_classes_that_are_left(reviewed) -> None:
    raw, temperature = small_project.published(reviewed)
    retire_class(reviewed, None, "8")  # no holdout image waits for a label because of it
    (first, *_) = next_images(reviewed, None, 1, strategy="margin")
    kept = np.delete(Temperature(temperature).apply(raw), 8, axis=1)
    best = np.sort(kept / kept.sum(axis=1, keepdims=True), axis=1)
    margins = best[:, -1] - best[:, -2]
    with reading(reviewed.engine) as conn:
        pool = load_state(conn, 1).pool
    assert first.position == pool[margins[pool].argmin()]


@pytest.mark.parametrize("strategy", ["auto", "random", "typiclust"])
def test_a_project_whose_last_class_an_earlier_version_retired_still_picks(
    reviewed, strategy
) -> None:
    with writing(reviewed.engine) as conn:
        conn.execute(label_class.update().values(retired=True))
    assert len(next_images(reviewed, None, 12, strategy=strategy)) == 12


@pytest.mark.slow
def test_the_holdout_never_shares_a_group_with_what_is_trained_on(tmp_path) -> None:
    pictures, truth = small_project.digits(60)
    folder = tmp_path / "patients"
    folder.mkdir()
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"p{number // 4:02d}_{number % 4}.png")
    access = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    create_project(access, "Groups", [str(each) for each in range(10)])
    import_images(access, None, str(folder), reading=Reading(group_pattern=r"(p\d+)_"))
    embed(access, None)
    small_project.run_jobs(access)
    for _ in range(4):
        for each in next_images(access, None, 10):
            decisions.label(access, None, each.position, str(truth[each.position]))
    with reading(access.engine) as conn:
        state, groups = load_state(conn, 1), images.groups(conn, 1)
    access.engine.dispose()
    assert groups is not None and len(np.unique(groups)) == 15
    held, trained = groups[state.validation], groups[state.labelled]
    assert len(held) >= 3
    assert not set(held.tolist()) & set(trained.tolist())
