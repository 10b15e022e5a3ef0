"""What the blocks of the Compare page say and count, without a browser."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sslapp.charts.look import UNLABELLED
from sslapp.review.confusion import Paired
from sslapp.store.label_classes import ClassRow
from sslapp.ui.common import matrix
from sslapp.ui.compare import curves, film, one_round, pair
from sslapp.usecases.comparing.comparison import Measure
from sslapp.usecases.comparing.curves import TrainingCurves
from sslapp.vocabulary import JobState

CLASSES = [
    ClassRow(7, 0, "cat", "#0072B2", "1", False),
    ClassRow(8, 1, "dog", "#E69F00", "2", True),
    ClassRow(9, 2, "hen", "#009E73", "3", False),
]


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (
            Paired(45, 0, 5, 0.0625),
            "+11.1 points from round 2 to round 4. Only round 2 is right on 0",
        ),
        (Paired(100, 30, 2, 1e-7), "−28.0 points"),
        (Paired(100, 30, 2, 1e-7), "p < .001)"),
        (Paired(45, 0, 5, 0.0625), "p = .062)"),
        (Paired(10, 1, 1, 1.0), "p = 1.000)"),
    ],
)
def test_a_difference_is_told_with_its_counts_and_its_chance(result, said) -> None:
    assert said in pair.difference(result, 2, 4, Measure.TEST)


def test_a_retired_class_is_shown_where_it_counts() -> None:
    counts = np.zeros((3, 3), int)
    assert matrix.used(counts, CLASSES) == [0, 2]
    counts[0, 1] = 1
    assert matrix.used(counts, CLASSES) == [0, 1, 2]


def test_recall_and_precision_of_a_class_have_their_n_and_interval() -> None:
    counts = np.array([[3, 1, 0], [0, 0, 0], [2, 0, 4]])
    table = one_round.per_class(counts, CLASSES)
    assert table["Class"].tolist() == ["cat", "dog", "hen"]
    recall, precision = (table[f"{what} (95 % interval)"] for what in ("Recall", "Precision"))
    assert recall[0].startswith("75.0 % (19.4 to 99.4 %), n = 4")
    assert precision[0].startswith("60.0 % (")
    assert (recall[1], precision[1]) == ("–", "0.0 % (0.0 to 97.5 %), n = 1")


def test_curves_run_by_step_or_by_the_rounds_own_pace() -> None:
    found = [
        TrainingCurves(1, "fixmatch", JobState.DONE, {"loss": [(10, 1.0), (20, 0.5)]}, 0.5),
        TrainingCurves(2, "label-propagation", JobState.DONE, {}, 0.0),
        TrainingCurves(3, "fixmatch", JobState.RUNNING, {"loss": [(10, 2.0)]}, 2.0),
    ]
    by_step = curves.curve_lines(found, "loss", by_seconds=False)
    assert [(each.name, each.number, list(each.x)) for each in by_step] == [
        ("Round 1", 0, [10, 20]),
        ("Round 3", 2, [10]),
    ]
    by_time = curves.curve_lines(found, "loss", by_seconds=True)
    assert [list(each.x) for each in by_time] == [[5, 10], [20]]


def test_points_of_a_film_have_their_class_colour_and_grey_without_one() -> None:
    assert film.colours(np.array([2, -1, 0]), CLASSES) == ["#009E73", UNLABELLED, "#0072B2"]


@pytest.mark.slow
def test_the_page_needs_no_torch(tmp_path: Path) -> None:
    program = (
        "import sys; sys.argv = ['x']\n"
        "import sslapp.usecases.comparing.comparison, sslapp.usecases.comparing.curves\n"
        "import sslapp.charts.trajectory\n"
        "from sslapp.ui.compare import film, one_round, pair, start\n"
        "print(sorted({'torch', 'sklearn', 'faiss'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "SSLAPP_WORKSPACE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
