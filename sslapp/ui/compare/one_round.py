"""One of the compared rounds looked at closely: what it mistakes for what, and how sure it is."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from sslapp.charts.reliability import reliability
from sslapp.ui.common import matrix, picture_grid, plain
from sslapp.ui.compare.choice import name
from sslapp.usecases.access import Access
from sslapp.usecases.comparing.comparison import Compared, Comparison, Measure
from sslapp.usecases.projects.classes import ClassRow
from sslapp.words import count, proportion

KEY = "compare-confusion"
BINS = 10
AXES = {"rows": "True", "columns": "Predicted"}


def choose(found: Comparison, titles: Mapping[str, str]) -> Compared:
    """Draw the choice of the round to look at."""
    numbers = [each.round.number for each in found.rounds]
    words = {each.round.number: name(each.round, titles) for each in found.rounds}
    key = "compare-closer"
    if st.session_state.get(key) not in numbers:
        watched = [each.round.number for each in found.rounds if each.round.film]
        st.session_state[key] = (watched or numbers)[-1]
    picked = st.segmented_control(
        "Look closer at",
        numbers,
        key=key,
        format_func=lambda each: plain.markdown(words[each]),
        required=True,
    )
    assert picked is not None
    return found.of(picked)


def show(
    access: Access, project_id: int, found: Comparison, chosen: Compared, measure: Measure
) -> None:
    """Draw confusion matrix and images of a cell, the classes in figures, and reliability."""
    counts = found.confusion(chosen.round.number, measure)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Confusion matrix", anchor=False)
        matrix.show(
            counts,
            found.classes,
            key=KEY,
            alt=f"Confusion matrix of round {chosen.round.number}: true against predicted classes",
            **AXES,
        )
    with right:
        st.subheader("Images of a cell", anchor=False)
        cell = matrix.choose(counts, found.classes, key=KEY, **AXES)
        if cell is None:
            st.caption("Click a cell of the matrix, or choose it here, to see its images.")
        else:
            _cell(access, project_id, found, chosen=chosen, measure=measure, cell=cell)


def _cell(
    access: Access,
    project_id: int,
    found: Comparison,
    *,
    chosen: Compared,
    measure: Measure,
    cell: matrix.Cell,
) -> None:
    positions = found.cell(chosen.round.number, measure, *cell)
    true, predicted = (plain.markdown(found.classes[each].name) for each in cell)
    order = "most doubtful first" if cell[0] == cell[1] else "surest first"
    st.caption(
        f"True {true}, predicted {predicted}: {count(len(positions), 'image')}"
        + (f", {order}." if len(positions) > 1 else ".")
    )
    lines = [f"{100 * each:.0f} %" for each in chosen.sure[positions[: picture_grid.SHOWN]]]
    picture_grid.show(access, project_id, positions, lines, key=f"{KEY}-pictures")


def show_figures(found: Comparison, chosen: Compared, measure: Measure) -> None:
    """Draw precision and recall of each class beside the reliability diagrams."""
    sides = st.grid(2, min_column_width=460, gap="large")
    with sides.container():
        st.subheader("Classes", anchor=False)
        st.dataframe(
            per_class(found.confusion(chosen.round.number, measure), found.classes),
            hide_index=True,
            alt="Recall and precision of each class",
            key="compare-classes",
        )
    with sides.container():
        st.subheader("Reliability", anchor=False)
        _reliability(chosen, measure)


def per_class(counts: NDArray[np.int64], classes: Sequence[ClassRow]) -> pd.DataFrame:
    """Recall and precision in words, a line a class."""
    numbers = matrix.used(counts, classes)
    hits, true, predicted = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    return pd.DataFrame(
        {
            "Class": [classes[each].name for each in numbers],
            "Recall (95 % interval)": [_share(hits[each], true[each]) for each in numbers],
            "Precision (95 % interval)": [_share(hits[each], predicted[each]) for each in numbers],
        }
    )


def _share(right: np.int64, judged: np.int64) -> str:
    return proportion(int(right) / int(judged), int(judged)) if judged else "–"


def _reliability(chosen: Compared, measure: Measure) -> None:
    known = [("Raw", True)]
    if chosen.round.calibrated:
        known.append((f"Calibrated, {chosen.round.calibrated_by}", False))
    for column, (title, raw) in zip(st.columns(len(known)), known, strict=True):
        error = chosen.calibration(measure, raw=raw).error
        with column:
            st.caption(f"{title}: ECE {error:.3f}")
            st.plotly_chart(
                reliability(chosen.calibration(measure, raw=raw, bins=BINS)),
                key=f"compare-reliability-{title[:3].lower()}",
                config={"displayModeBar": False},
                alt=f"Accuracy by confidence, {title.lower()}",
            )
    st.caption(
        "Accuracy by confidence with 95 % intervals, n above. On the dotted line a round is as "
        "right as it is sure."
    )
