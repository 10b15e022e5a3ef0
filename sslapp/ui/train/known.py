"""What is known of a round: what it mistakes for what, how right it is where it is sure."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from sslapp.charts.reliability import reliability
from sslapp.ui.common import matrix, picture_grid, plain
from sslapp.usecases.access import Access
from sslapp.usecases.training.known import ClassAccuracy, Known, read_known
from sslapp.words import count, percent, with_interval

KEY = "train-known"
ROWS, HEIGHT = 10, 388
"""Classes that are shown at once, and the pixels that they and their heading take."""

CLASS = st.column_config.TextColumn(width=150)
NARROW = st.column_config.NumberColumn(width=70)

OFFERS_HELP = """**Confidence**: the calibrated probability of the likeliest class reaches it.
**Coverage**: of every class's images at least this share have their class in their conformal set;
proposed are images whose set holds one class alone."""

AXES = {"rows": "True", "columns": "Predicted"}


def show(access: Access, project_id: int, number: int, event: int) -> None:
    """Draw it, where the round has answers about labels that it was not taught."""
    found = _read(str(access.workspace.root), project_id, number, event, access)
    if found is None:
        return
    with st.container(border=True):
        st.subheader(f"What is known of round {number}", anchor=False)
        st.caption(plain.markdown(" ".join(found.sentences())))
        _tables(found)
        left, right = st.columns(2, gap="large")
        with left:
            matrix.show(
                found.confusion(),
                found.classes,
                key=KEY,
                alt=f"Out-of-sample answers of round {number}: true against predicted classes",
                **AXES,
            )
            cell = matrix.choose(found.confusion(), found.classes, key=KEY, **AXES)
        with right:
            st.plotly_chart(
                reliability(found.reliability()),
                key=f"{KEY}-reliability",
                config={"displayModeBar": False},
                alt="Accuracy by calibrated confidence",
            )
            st.caption("Accuracy by confidence with 95 % intervals, n above.")
            if cell is None:
                st.caption("Click a cell of the matrix, or choose it below it, for its images.")
            else:
                _cell(access, project_id, found, cell)


def _tables(found: Known) -> None:
    """How right it is about each class, beside what it would propose."""
    sides = st.grid(2, min_column_width=360, gap="large")
    with sides.container(gap="xsmall"):
        st.caption("Right about the images of each class, the least certain first.")
        st.dataframe(
            per_class(found.by_class()),
            hide_index=True,
            width="content",
            height=HEIGHT if len(found.classes) > ROWS else "auto",
            alt=f"Accuracy of round {found.number} for each class, the least certain first",
            key=f"{KEY}-classes",
            column_config={"Class": CLASS, "Right": NARROW, "n": NARROW},
        )
    with sides.container(gap="xsmall"):
        st.caption("Images without a label that it would propose.", help=OFFERS_HELP)
        st.dataframe(
            offers(found),
            hide_index=True,
            alt=f"What round {found.number} would propose at which confidence and coverage",
            key=f"{KEY}-offers",
            column_config={
                "Proposed by": st.column_config.TextColumn(width=120),
                "Images": st.column_config.TextColumn(width=70, alignment="right"),
                "Remark": st.column_config.TextColumn(width=330),
            },
        )


def offers(found: Known) -> pd.DataFrame:
    """How many images it would propose, a line a rule."""
    lines = found.offers()
    table = pd.DataFrame(lines)
    table["images"] = ["–" if each["images"] is None else f"{each['images']:,}" for each in lines]
    table["proposed by"] = table["proposed by"].str.capitalize()
    return table.rename(columns=str.capitalize)


def per_class(lines: Sequence[ClassAccuracy]) -> pd.DataFrame:
    """How many images of each class it recognised, of how many, and what that says."""
    return pd.DataFrame(
        {
            "Class": [each.name for each in lines],
            "Right": [each.right for each in lines],
            "n": [each.judged for each in lines],
            "Accuracy (95 % interval)": [_accuracy(each) for each in lines],
        }
    )


def _accuracy(line: ClassAccuracy) -> str:
    if not line.judged:
        return "no label to judge it by"
    return with_interval(line.right / line.judged, line.judged)


def _cell(access: Access, project_id: int, found: Known, cell: matrix.Cell) -> None:
    rows = found.cell(*cell)
    true, predicted = (plain.markdown(found.classes[each].name) for each in cell)
    st.caption(f"True {true}, predicted {predicted}: {count(len(rows), 'image')}, surest first.")
    lines = [percent(each) for each in found.sure[rows[: picture_grid.SHOWN]].tolist()]
    picture_grid.show(access, project_id, found.positions[rows], lines, key=f"{KEY}-pictures")


@st.cache_data(max_entries=8, show_spinner=False)
def _read(root: str, project_id: int, number: int, event: int, _access: Access) -> Known | None:
    return read_known(_access, project_id, number)
