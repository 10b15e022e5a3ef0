"""The Review page on real workspaces: what it offers when, and what its choices select."""

import json
import re
import shutil

import numpy as np
import pytest
import small_project
from sqlalchemy import insert, select, update
from streamlit.testing.v1 import AppTest

from sslapp.store.database import writing
from sslapp.store.schema import embedding, round_
from sslapp.ui.review import bulks, desk, state
from sslapp.ui.review.spaces import PROJECTION
from sslapp.usecases.access import enter
from sslapp.usecases.projects.classes import add_class, retire_class
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.reviewing import bulk_decisions
from sslapp.usecases.reviewing.board import read_bare_board, read_board
from sslapp.usecases.reviewing.bulk_decisions import BulkAction, decide
from sslapp.usecases.reviewing.facets import Facet
from sslapp.usecases.reviewing.findings import queued
from sslapp.usecases.reviewing.queue import Choice, Queue, Show, positions, selected
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import EventKind, Finding, Gear, Space
from sslapp.workspace import Workspace

RING = ((-0.6, -0.6), (0.5, -0.6), (0.5, 0.7), (-0.6, 0.4))


@pytest.fixture
def open_review(open_app):
    def make(access) -> AppTest:
        return open_app(access.workspace.root, "review")

    return make


def said(page: AppTest) -> str:
    kinds = ("markdown", "caption", "info", "warning", "error", "subheader")
    return "\n".join(each.value for kind in kinds for each in page.get(kind))


def chart(page: AppTest) -> dict:
    (only,) = page.get("plotly_chart")
    return json.loads(only.proto.spec)


def number(page: AppTest, pattern: str) -> int:
    found = re.search(pattern, said(page))
    assert found, said(page)
    return int(found[1].replace(",", ""))


def test_a_project_without_anything_says_what_comes_first(tmp_path, open_review) -> None:
    access = enter(Workspace(workspace=tmp_path), "Ann")
    create_project(access, "Empty", ["cat", "dog"])
    assert "Import some on the **Projects** page" in said(open_review(access))
    access.engine.dispose()


def test_without_a_round_images_are_labelled_and_training_is_offered(project, open_review) -> None:
    page = open_review(project)
    desk_now = shown_at_desk(page)
    assert (desk_now["round"], desk_now["total"]) == (None, 80)
    assert {each["proposed"] for each in desk_now["images"]} == {None}
    assert order(page).options == ["As imported", "Random order"]
    colourings = page.selectbox(key="review-colour").options
    assert colourings == ["Class", "Source", "Holdout", "Reader", "Day"]
    assert "Start a round on the **Train** page" in said(page)
    assert "learns from 34 labels" in said(page)
    assert len(page.get("plotly_chart")) == 1


def test_a_first_round_on_its_way_is_followed(project, open_review) -> None:
    start_round(project, None, method="supervised")
    page = open_review(project)
    assert "when the first round has finished" in said(page)
    assert "Round 1" in said(page)


def test_a_round_is_opened_with_the_pictures_and_rules_that_it_has(reviewed, open_review) -> None:
    page = open_review(reviewed)
    images = shown_at_desk(page)["images"]
    assert images
    for each in images:
        assert each["image"] == small_project.image_hash(each["p"])
    # a coverage that labels do not suffice for is not offered
    assert page.segmented_control(key=state.RULE).disabled
    assert "needs 4 labels of each class" not in said(page)
    page.session_state["review-details"] = True  # opens it
    page.run()
    assert "needs 4 labels of each class" in said(page)
    page.session_state["review-image"] = small_project.POOL + 3
    page.run()
    assert "labelled without a prediction on the Label page" in said(page)


@pytest.mark.slow
def test_the_counts_follow_the_coverage_which_a_round_without_it_gives_up(
    reviewed, open_review
) -> None:
    small_project.run_a_round_asked_evenly(reviewed)
    board = read_board(reviewed, 1)
    page = open_review(reviewed)
    page.segmented_control(key=state.RULE).set_value(state.COVERAGE_RULE).run()
    assert state.THRESHOLD not in {each.key for each in page.slider}
    for share in (0.9, 0.8):
        page.segmented_control(key=state.COVERAGE).set_value(share).run()
        expected = len(selected(board, Choice(coverage=share)))
        assert number(page, r"\*\*([\d,]+) candidate") == expected
        assert number(page, r"\*\*([\d,]+) selected") == expected
    page.segmented_control(key=state.RULE).set_value(state.THRESHOLD_RULE).run()
    assert number(page, r"\*\*([\d,]+) candidate") == len(board.candidates(0.95))

    page.session_state[state.RULE] = state.COVERAGE_RULE
    page.session_state[state.COVERAGE] = 0.95  # of a round with more labels
    page.run()
    assert page.segmented_control(key=state.COVERAGE).value == 0.9
    page.selectbox(key="review-round-1").set_value(1).run()
    assert not page.exception
    assert page.segmented_control(key=state.RULE).value == state.THRESHOLD_RULE
    assert number(page, r"\*\*([\d,]+) candidate") == len(
        read_board(reviewed, 1, 1).candidates(0.95)
    )
    page.selectbox(key="review-round-1").set_value(2).run()
    assert not page.segmented_control(key=state.RULE).disabled
    assert not page.warning


def test_the_counts_follow_the_threshold(reviewed, open_review) -> None:
    board = read_board(reviewed, 1)
    page = open_review(reviewed)
    for threshold in (0.95, 0.5, 0.0):
        page.slider(key=state.THRESHOLD).set_value(threshold).run()
        assert not page.exception
        expected = len(board.candidates(threshold))
        assert number(page, r"\*\*([\d,]+) candidates?\*\*") == expected
        assert number(page, r"\*\*([\d,]+) selected\*\*") == expected
        bare = board.counts_by_class(board.candidates(threshold)) == 0
        assert ("No candidate is " in said(page)) == (expected > 0 and bool(bare.any()))


def test_a_lasso_narrows_the_selection_and_does_not_redraw_the_map(reviewed, open_review) -> None:
    page = open_review(reviewed)
    before = chart(page)
    page.session_state["review-polygon"] = (RING,)
    page.slider(key=state.THRESHOLD).set_value(0.6).run()
    board = read_board(reviewed, 1)
    expected = selected(board, Choice(rings=(RING,), threshold=0.6))
    assert number(page, r"\*\*([\d,]+) selected\*\* of") == len(expected)
    assert number(page, r"selected\*\* of ([\d,]+) inside") == int(board.inside([RING]).sum())
    assert len(page.get("plotly_chart")) == 0  # that run was the fragments' alone
    page.segmented_control(key=state.SHOW).set_value(Show.REST).run()
    below = selected(board, Choice(rings=(RING,), threshold=0.6, show=Show.REST))
    assert number(page, r"\*\*([\d,]+) selected\*\* of") == len(below)
    page.button(key="review-clear-selection").click().run()
    assert "the whole project" in said(page)
    assert chart(page.run()) == before


def test_nothing_stays_selected_until_something_is_asked_for(reviewed, open_review) -> None:
    page = open_review(reviewed)
    page.session_state["review-nothing"] = True
    page.run()
    assert "Nothing selected" in said(page)
    page.button(key="review-select-all").click().run()
    assert "the whole project" in said(page)
    page.session_state["review-nothing"] = True
    page.slider(key=state.THRESHOLD).set_value(0.6).run()
    board = read_board(reviewed, 1)
    expected = selected(board, Choice(threshold=0.6))
    assert number(page, r"\*\*([\d,]+) selected\*\*") == len(expected)


def test_the_map_keeps_its_labels_until_it_is_redrawn(reviewed, open_review) -> None:
    page = open_review(reviewed)
    page.selectbox(key="review-colour").select(Facet.SOURCE).run()
    before = chart(page)
    board = read_board(reviewed, 1)
    bulk_decisions.bulk_accept(reviewed, None, board.proposals.positions[:30], unproven=True)
    page.run()
    assert chart(page) == before
    page.button(key="review-redraw").click().run()
    assert chart(page) != before
    assert not [each for each in page.button if each.key == "review-redraw"]


@pytest.mark.slow
def test_every_colouring_and_order_of_a_round_on_frozen_features_is_drawn(
    ensembled, open_review
) -> None:
    page = open_review(ensembled)
    assert state.SPACE not in [each.key for each in page.get("segmented_control")]
    assert "Projection of the pixels embedding." in said(page)
    for facet in Facet:
        page.selectbox(key="review-colour").select(facet).run()
        assert not page.exception
    for queue in Queue:
        page.selectbox(key=state.QUEUE).select(queue).run()
        assert not page.exception


def order(page: AppTest):
    """The menu with the orders."""
    return page.selectbox(key=state.QUEUE)


def test_members_disagreement_is_an_order_of_an_ensembles_round_alone(
    ensembled, reviewed, open_review
) -> None:
    assert "Members disagree first" not in order(open_review(reviewed)).options
    page = open_review(ensembled)
    page.slider(key=state.THRESHOLD).set_value(0.0).run()
    order(page).select(Queue.MEMBERS).run()
    assert not page.exception, page.exception
    choice = Choice(threshold=0.0, queue=Queue.MEMBERS)
    expected = positions(ensembled, 1, read_board(ensembled, 1), choice)
    shown = [each["p"] for each in shown_at_desk(page)["images"]]
    assert shown == expected[: len(shown)].tolist()
    assert len(shown) == 72


@pytest.mark.slow
def test_the_order_is_dropped_with_a_round_that_has_no_members(ensembled, open_review) -> None:
    start_round(ensembled, None, method="label-propagation")
    small_project.run_jobs(ensembled)
    page = open_review(ensembled)
    assert "Members disagree first" not in order(page).options
    page.selectbox(key="review-round-1").select(1).run()
    order(page).select(Queue.MEMBERS).run()
    page.selectbox(key="review-round-1").select(2).run()
    assert not page.exception, page.exception
    assert order(page).value is Queue.DOUBTFUL
    assert "no members that could disagree" in plain(page)
    assert "no members that could disagree" not in plain(page.run())


def test_a_bulk_decision_is_told_and_undone(reviewed, open_review) -> None:
    board = read_board(reviewed, 1)
    choice = Choice(threshold=0.6)
    found = selected(board, choice)
    about = {"choice": choice, "seen": board, "now": board, "unproven": True}
    done = decide(reviewed, 1, found.positions, BulkAction.ACCEPT, **about)
    page = open_review(reviewed)
    page.session_state[bulks.SAID] = (done.event.number, 2, "")
    page.run()
    told = said(page)
    assert f"Accepted **{len(found)} images** as proposed in round 1, unproven" in told
    assert "2 images had been decided meanwhile." in told
    page.button(key="review-undo").click().run()
    assert not page.exception
    np.testing.assert_array_equal(read_board(reviewed, 1).labels, board.labels)
    assert not [each for each in page.button if each.key == "review-undo"]


def test_a_round_of_another_class_list_says_so(reviewed, open_review) -> None:
    retire_class(reviewed, None, "7")
    add_class(reviewed, None, "*seven*")
    page = open_review(reviewed)
    assert r"\*seven\* came after it and cannot be proposed" in said(page)
    assert "7 is retired" in said(page)


def test_a_project_whose_embedding_is_gone_can_still_be_reviewed(reviewed, open_review) -> None:
    with writing(reviewed.engine) as conn:
        conn.execute(embedding.delete())
    page = open_review(reviewed)
    assert "As the model of round 1 sees the images" in said(page), "its own map is still there"
    on_the_encoders_map(page)
    assert "The map appears when the images are embedded" in said(page)
    assert "the whole project" in said(page)


@pytest.mark.slow
def test_another_projects_polygon_is_forgotten(reviewed, open_review) -> None:
    other = create_project(reviewed, "Another")
    page = open_review(reviewed)
    page.query_params["project"] = "1"
    page.run()
    page.session_state["review-polygon"] = (RING,)
    page.run()
    assert "inside" in said(page)
    for project_id in (other, 1):
        page.query_params["project"] = str(project_id)
        page.run()
    assert not page.exception
    assert "the whole project" in said(page)


@pytest.mark.usefixtures("quick_umap")
def test_the_maps_space_is_switched_said_and_drops_the_outline(reviewed, open_review) -> None:
    page = open_review(reviewed)
    assert "46 images drawn to measure left off." in said(page)
    own = chart(page)["data"][0]["customdata"]
    page.session_state["review-polygon"] = (RING,)
    page.session_state["review-like"] = 50
    assert "as round 1 sees them" in said(page.run())
    on_the_encoders_map(page)
    assert "Projection of the pixels embedding." in said(page)
    assert "the whole project" in said(page), "the outline was drawn on another map"
    assert "made anew" not in said(page), "the reader knows"
    assert chart(page)["data"][0]["customdata"] != own
    page.segmented_control(key=state.SPACE).set_value(Space.ROUND).run()
    page.button(key=PROJECTION).click().run()
    assert "UMAP map: waits for its turn" in said(page)
    small_project.run_jobs(reviewed)
    assert page.run().button(key=PROJECTION).label == "PCA map"


@pytest.mark.slow
def test_a_map_that_is_mounted_anew_shows_the_outline_of_the_selection(
    reviewed, open_review
) -> None:
    page = open_review(reviewed)
    page.session_state["review-polygon"] = (RING,)
    assert not chart(page.run())["layout"].get("selections")  # the browser has drawn it
    page.selectbox(key="review-colour").select(Facet.SOURCE).run()
    (outline,) = chart(page)["layout"]["selections"]
    assert outline["path"].startswith("M-0.6,-0.6L0.5,-0.6L")
    page.switch_page("../pages/compare.py").run()
    page.switch_page("../pages/review.py").run()
    assert len(chart(page)["layout"]["selections"]) == 1
    assert "inside" in said(page)


def selected_now(page: AppTest) -> int:
    return number(page, r"\*\*([\d,]+) selected\*\*")


def search_field(page: AppTest):
    (field,) = (each for each in page.text_input if each.label == "Search by text")
    return field


def plain(page: AppTest) -> str:
    """What the page says, without the marks that keep it from being Markdown."""
    assert not page.exception, page.exception
    return said(page).replace("\\", "")


def on_the_encoders_map(page: AppTest) -> AppTest:
    """The page after the reader chose that map."""
    return page.segmented_control(key=state.SPACE).set_value(Space.ENCODER).run()


def embedded_anew(access, **values: object) -> None:
    """Store the newest embedding once more, as a new one with a map of its own."""
    with writing(access.engine) as conn:
        newest = select(embedding).order_by(embedding.c.id.desc()).limit(1)
        row = dict(conn.execute(newest).mappings().one())
        before = access.workspace.path(row["projection"])
        row["projection"] = access.workspace.relative(
            shutil.copy(before, before.with_name("a.npy"))
        )
        conn.execute(insert(embedding).values(row | {"id": None} | values))


@pytest.mark.slow
def test_images_like_one_that_is_not_embedded_are_not_looked_for_again(
    project, tmp_path, open_review
) -> None:
    source = small_project.write_npz(tmp_path / "more.npz")
    small_project.import_images(project, 1, str(source))
    small_project.run_jobs(project)
    options = small_project.TINY_SUPERVISED
    start_round(project, 1, method="supervised", gear=Gear.PIXELS, config=options)
    small_project.run_jobs(project)
    new = small_project.POOL + small_project.TEST
    page = on_the_encoders_map(open_review(project))
    page.slider(key=state.THRESHOLD).set_value(0.0).run()
    everything = selected_now(page)
    named = {name: shown_at_desk(page)[name] for name in ("workspace", "sheet")}
    page.session_state[desk.ASK] = {"action": "similar", "position": new, **named}
    page.run()
    assert f"Image {new} is not embedded. Embed the new images first." in plain(page)
    assert selected_now(page) == everything
    page.run()
    assert "is not embedded" not in plain(page), "it is said once"


def test_a_text_that_cannot_be_searched_for_is_dropped(reviewed, open_review) -> None:
    reviewed.workspace.weights.mkdir(parents=True, exist_ok=True)
    (reviewed.workspace.weights / "open_clip.safetensors").write_bytes(b"none")
    embedded_anew(reviewed, encoder="open_clip")
    page = open_review(reviewed)
    page.segmented_control(key=state.SEARCH).set_value(state.BY_DESCRIPTION).run()
    field = search_field(page)
    field.input("a seven " * 50).run()
    assert "Describe the images in 1 to 300 characters." in plain(page)
    assert "the whole project" in plain(page)
    fresh = search_field(page)
    assert (fresh.value, fresh.key == field.key) == ("", False)
    assert "Describe the images in" not in plain(page.run())


def test_a_polygon_of_a_map_that_is_gone_is_dropped_while_the_page_is_open(
    reviewed, open_review
) -> None:
    page = on_the_encoders_map(open_review(reviewed))
    page.session_state["review-polygon"] = (RING,)
    page.slider(key=state.THRESHOLD).set_value(0.5).run()
    assert "inside" in plain(page)
    embedded_anew(reviewed)
    page.slider(key=state.THRESHOLD).set_value(0.6).run()  # that part of the page alone
    assert "The map was made anew" in plain(page)
    assert "the whole project" in plain(page)


@pytest.mark.slow
def test_a_bulk_decision_about_what_was_selected_before_is_not_carried_out(
    reviewed, open_review
) -> None:
    page = on_the_encoders_map(open_review(reviewed))
    page.session_state["review-polygon"] = (RING,)
    page.run()
    page.session_state[desk.ASK] = {
        "action": "accept",
        "class_id": None,
        "excluded": [],
        "opened": 0,
        "key": "once",
        "selection": page.session_state[desk.SHEET].scope,
        **{name: shown_at_desk(page)[name] for name in ("workspace", "sheet")},
    }
    embedded_anew(reviewed)
    page.run()
    assert "so nothing was done" in plain(page)
    assert small_project.log(reviewed)[-1].kind is not EventKind.BULK_ACCEPT


@pytest.mark.slow
def test_a_round_that_is_gone_is_told_and_the_newest_shown(
    open_copy, with_two_rounds, open_review
) -> None:
    access = open_copy(with_two_rounds)
    page = open_review(access)
    page.selectbox(key="review-round-1").select(1).run()
    with writing(access.engine) as conn:
        conn.execute(update(round_).where(round_.c.number == 1).values(probabilities=None))
    page.slider(key=state.THRESHOLD).set_value(0.6).run()  # that part of the page alone
    assert "The round you looked at is there no more" in plain(page)
    assert page.selectbox(key="review-round-1").value == 2
    assert "is there no more" not in plain(page.run())


def shown_at_desk(page: AppTest) -> dict:
    """What the review desk was sent."""
    sent = [json.loads(each.proto.json) for each in page.get("bidi_component") if each.proto.json]
    return next(each for each in sent if "sheet" in each)


@pytest.mark.slow
def test_a_bulk_decision_counts_for_the_workspace_and_sheet_that_were_shown(
    reviewed, open_review
) -> None:
    page = open_review(reviewed)
    before = len(small_project.log(reviewed))

    def ask(**change: object) -> list[EventKind]:
        """Ask for it from the sheet that is shown, but for a change; return what was stored."""
        shown = shown_at_desk(page)
        assert shown["workspace"] == small_project.WORKSPACE
        asked = {"action": "withhold", "class_id": None, "excluded": [], "opened": 0}
        named = {name: shown[name] for name in ("workspace", "sheet")}
        page.session_state["review-sheet-ask"] = {**asked, "key": "k" * 16, **named, **change}
        page.run()
        assert not page.exception
        return [each.kind for each in small_project.log(reviewed)[before:]]

    changes: list[dict[str, object]] = [
        *({"workspace": "0" * 32}, {"sheet": "0" * 16}),
        *({"workspace": None}, {"sheet": None}),
    ]
    for change in changes:
        assert ask(**change) == []
        assert "no longer the one in front of you" in said(page)
    page.run()
    assert "no longer the one in front of you" not in said(page), "it is asked once"
    assert len(small_project.log(reviewed)) == before
    assert ask() == [EventKind.BULK_WITHHOLD]


def test_suspicious_labels_are_looked_for_and_become_the_selection(reviewed, open_review) -> None:
    page = open_review(reviewed)
    page.selectbox(key="review-finding-0").set_value(Finding.SUSPICIOUS).run()
    assert "This was not looked for yet" in said(page)
    page.button(key="review-look").click().run()
    assert page.button(key="review-look").disabled
    assert "Looking for what is wrong or odd" in said(page)
    small_project.run_jobs(reviewed)
    page.run()
    found = queued(reviewed, 1, read_board(reviewed, 1), Finding.SUSPICIOUS)
    assert number(page, r"asked about\. ([\d,]+) image") == len(found)
    assert "**Suspicious labels** selected" in said(page)
    page.slider(key=state.THRESHOLD).set_value(0.5).run()
    assert "**Suspicious labels** selected" not in said(page), "the rule selects again"
    assert page.selectbox(key="review-finding-1").value is None
    assert f"Suspicious labels {len(found)}" in said(page)


def test_what_needs_no_round_is_looked_for_without_one(project, open_review) -> None:
    page = open_review(project)
    box = page.selectbox(key="review-finding-0")
    assert box.options == ["Near-duplicates", "Outliers"]
    box.set_value(Finding.OUTLIERS).run()
    assert "This was not looked for yet" in said(page)
    page.button(key="review-look").click().run()
    small_project.run_jobs(project)
    page.run()
    found = queued(project, 1, read_bare_board(project, 1), Finding.OUTLIERS)
    assert number(page, r"no label yet\. ([\d,]+) image") == len(found) > 0
    assert "**Outliers** selected" in said(page)
    desk_now = shown_at_desk(page)
    assert desk_now["total"] == len(found)
    assert all(each["why"].startswith("Far from every label") for each in desk_now["images"])


def test_rounds_that_disagree_are_told_apart_by_the_other_one(
    open_copy, with_two_rounds, open_review
) -> None:
    access = open_copy(with_two_rounds)
    page = open_review(access)
    page.selectbox(key="review-finding-0").set_value(Finding.DISAGREE).run()
    assert page.selectbox(key=state.AGAINST).value == 1
    found = queued(access, 1, read_board(access, 1, 2), Finding.DISAGREE, 1)
    assert number(page, r"both are sure\. ([\d,]+) image") == len(found)


def test_the_history_of_decisions_is_told_and_leads_back(reviewed, open_review) -> None:
    some = read_board(reviewed, 1).proposals.positions[:5]
    made = bulk_decisions.bulk_label(reviewed, None, some, "3", seen_in_grid=5)
    page = open_review(reviewed)
    page.button(key="history-open").click().run()
    assert "Labelled **5 images** as 3, seen as a grid." in said(page)
    assert not page.button(key=f"history-undo-{made.number}").disabled
    page.session_state["review-event"] = made.number
    page.run()
    assert f"**Decision {made.number}**: its images, as they stand now" in said(page)
    shown = shown_at_desk(page)
    assert [each["p"] for each in shown["images"]] == made.members.tolist()
    assert shown["total"] == 0, "none of them is open"
