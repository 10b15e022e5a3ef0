"""The Compare page on real rounds: what it shows, and what its choices and its button do."""

import json

import numpy as np
import pytest
import small_project
from streamlit.testing.v1 import AppTest

from sslapp.store.database import writing
from sslapp.store.schema import label_class, round_
from sslapp.ui.common import matrix
from sslapp.usecases.comparing.comparison import Measure, read_comparison
from sslapp.usecases.labelling import decisions
from sslapp.usecases.training.rounds import cancel_round, round_status, start_round


def open_compare(open_app, access) -> AppTest:
    return open_app(access.workspace.root, "compare")


def words(page: AppTest) -> str:
    kinds = ("caption", "markdown", "subheader", "error", "info")
    return "\n".join(each.value for kind in kinds for each in page.get(kind))


def test_without_a_round_only_the_start_is_offered(project, open_app) -> None:
    page = open_compare(open_app, project)
    assert page.button(key="compare-run")
    assert not page.get("plotly_chart")
    assert [each.value for each in page.subheader] == ["Run side by side"]


def test_rounds_of_one_snapshot_are_compared_at_once(open_copy, with_two_rounds, open_app) -> None:
    access = open_copy(with_two_rounds)
    page = open_compare(open_app, access)
    assert "Same labels, same holdout: Rounds 1 and 2 on snapshot" in words(page)
    table = page.dataframe[0].value
    assert table["Round"].tolist() == [1, 2]
    found = read_comparison(access, 1, [1, 2])
    score = found.of(1).score(Measure.TEST)
    assert table["Test accuracy (95 % interval)"][0].startswith(f"{100 * score.share:.1f} % (")
    assert table["Test accuracy (95 % interval)"][0].endswith("n = 40")
    assert table["Holdout accuracy (95 % interval)"][0].endswith("n = 6")
    assert " → " in table["ECE, raw → calibrated"][0]
    result = found.paired(1, 2, Measure.TEST)
    assert f"Only round 1 is right on {result.only_first}, only round 2 on" in words(page)
    assert "Cohen's kappa" in words(page)
    assert page.subheader[1].value == "Learning curves"


@pytest.mark.slow
def test_a_round_that_is_gone_is_told_and_no_longer_compared(
    open_copy, with_two_rounds, open_app
) -> None:
    access = open_copy(with_two_rounds)
    page = open_compare(open_app, access)
    with writing(access.engine) as conn:
        conn.execute(round_.update().where(round_.c.number == 1).values(number=9))
    page.run()
    assert not page.exception, page.exception
    assert [each.value for each in page.warning] == ["Round 1 can be compared no more."]
    assert page.multiselect(key="compare-rounds-1").value == [2]
    assert not page.run().warning


@pytest.mark.slow
def test_the_measure_changes_what_the_matrix_counts(open_copy, with_two_rounds, open_app) -> None:
    access = open_copy(with_two_rounds)
    page = open_compare(open_app, access)

    def counted() -> int:
        classes = page.dataframe[1].value
        return sum(
            int(each.rsplit("n = ", 1)[1])
            for each in classes["Recall (95 % interval)"]
            if "n" in each
        )

    assert counted() == small_project.TEST
    page.segmented_control(key="compare-measure").set_value(Measure.HOLDOUT).run()
    assert not page.exception
    assert counted() == 6


@pytest.mark.slow
def test_a_chosen_cell_names_its_images(open_copy, with_two_rounds, open_app) -> None:
    access = open_copy(with_two_rounds)
    page = open_compare(open_app, access)
    closer = read_comparison(access, 1, [1, 2])
    true, predicted = np.argwhere(closer.confusion(1, Measure.TEST))[0].tolist()
    page.selectbox(key="compare-confusion-row").set_value(true)
    page.selectbox(key="compare-confusion-column").set_value(predicted).run()
    assert not page.exception
    count = len(closer.cell(1, Measure.TEST, true, predicted))
    assert f"True {true}, predicted {predicted}: {count} image" in words(page)


def test_a_click_is_read_as_a_cell_of_the_classes_that_are_shown() -> None:
    assert matrix.clicked([{"x": 2, "y": 0}], [0, 1, 4]) == (0, 4)
    assert matrix.clicked([], [0, 1]) is None


@pytest.mark.slow
def test_rounds_of_different_snapshots_say_that_labels_differ(
    open_copy, with_two_rounds, open_app
) -> None:
    access = open_copy(with_two_rounds)
    decisions.label(access, None, 100, "3")
    start_round(access, None, method="label-propagation")
    small_project.run_jobs(access)
    page = open_compare(open_app, access)
    assert page.multiselect(key="compare-rounds-1").value == [1, 2]
    page.multiselect(key="compare-rounds-1").set_value([1, 3]).run()
    assert not page.exception
    assert "The labels differ: Round 1 on snapshot" in words(page)
    assert page.dataframe[0].value["Labels"].tolist() == [34, 35]


def test_one_round_alone_is_shown_without_a_pair(reviewed, open_app) -> None:
    page = open_compare(open_app, reviewed)
    assert page.dataframe[0].value["Round"].tolist() == [1]
    assert "Two rounds against each other" not in words(page)
    assert "Embedding over training" in words(page)


@pytest.mark.slow
def test_methods_are_started_on_one_snapshot_and_join_when_they_end(
    open_copy, with_two_rounds, open_app
) -> None:
    access = open_copy(with_two_rounds)
    page = open_compare(open_app, access)
    page.multiselect(key="compare-methods").set_value(["supervised", "label-propagation"])
    page.number_input(key="compare-seed").set_value(7)
    page.button(key="compare-run").click().run()
    assert not page.exception
    rows = [round_status(access, None, number) for number in (3, 4)]
    assert [row["seed"] for row in rows] == [7, 7]
    assert rows[0]["snapshot_id"] == rows[1]["snapshot_id"]
    assert "Round 3 · Supervised baseline: queued" in words(page)
    cancel_round(access, None, 3)
    small_project.run_jobs(access)
    page.run()
    assert page.multiselect(key="compare-rounds-1").value == [1, 2, 4]


def test_a_method_that_cannot_run_says_why_and_starts_nothing(tmp_path, open_app) -> None:
    from sslapp.usecases.access import enter
    from sslapp.usecases.projects.settings import create_project
    from sslapp.workspace import Workspace

    access = enter(Workspace(workspace=tmp_path), "Ann")
    create_project(access, "Bare", ["a", "b"])
    page = open_compare(open_app, access)
    page.button(key="compare-run").click().run()
    assert not page.exception
    assert len(page.error) == 1
    access.engine.dispose()


@pytest.mark.slow
def test_names_are_shown_as_the_text_they_are(open_copy, with_two_rounds, open_app) -> None:
    access = open_copy(with_two_rounds)
    with writing(access.engine) as conn:
        named = label_class.update().where(label_class.c.number == 3)
        conn.execute(named.values(name="<b>three</b> **x**"))
    page = open_compare(open_app, access)
    for each in page.get("plotly_chart"):
        text = json.dumps(json.loads(each.proto.spec))
        assert "<b>three" not in text
    page.selectbox(key="compare-confusion-row").set_value(3)
    page.selectbox(key="compare-confusion-column").set_value(3).run()
    assert r"True \<b\>three" in words(page)


def test_a_stranger_sees_no_round(open_copy, with_two_rounds, open_app) -> None:
    access = open_copy(with_two_rounds)
    page = open_app(access.workspace.root, "compare", reader="Eve")
    assert not page.get("plotly_chart")
    assert not page.dataframe
