"""What is known of a round: what it mistakes for what, how right it is where it is sure."""

import streamlit as st

from sslapp.charts.reliability import reliability
from sslapp.ui.common import matrix, picture_grid, plain
from sslapp.usecases.access import Access
from sslapp.usecases.training.known import Known, read_known
from sslapp.words import count, percent, proportion

KEY = "train-known"
AXES = {"rows": "True", "columns": "Predicted"}


def show(access: Access, project_id: int, number: int, event: int) -> None:
    """Draw it, where the round has answers about labels that it was not taught."""
    found = _read(str(access.workspace.root), project_id, number, event, access)
    if found is None:
        return
    with st.container(border=True):
        st.subheader(f"What is known of round {number}", anchor=False)
        st.caption(plain.markdown(" ".join(sentences(found))))
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


def sentences(found: Known) -> list[str]:
    """How right it is, on what, what it would propose, and how it stands to the one before."""
    right, n = int(found.right.sum()), len(found.right)
    how = found.rests_on.partition(", n =")[0]
    said = [f"Accuracy on labels that it was not taught ({how}): {proportion(right / n, n)}."]
    offered = ", ".join(f"{k:,} at {at:.2f}" for at, k in found.proposals)
    said.append(f"It would propose {offered}.")
    if found.before is not None:
        number, pair = found.before
        said.append(
            f"Against round {number} on the same {count(pair.judged, 'image')}: "
            f"{pair.only_second:,} right that were wrong, {pair.only_first:,} wrong that were "
            f"right (p = {pair.p_value:.2g})."
        )
    return said


def _cell(access: Access, project_id: int, found: Known, cell: matrix.Cell) -> None:
    rows = found.cell(*cell)
    true, predicted = (plain.markdown(found.classes[each].name) for each in cell)
    st.caption(f"True {true}, predicted {predicted}: {count(len(rows), 'image')}, surest first.")
    lines = [percent(each) for each in found.sure[rows[: picture_grid.SHOWN]].tolist()]
    picture_grid.show(access, project_id, found.positions[rows], lines, key=f"{KEY}-pictures")


@st.cache_data(max_entries=8, show_spinner=False)
def _read(root: str, project_id: int, number: int, event: int, _access: Access) -> Known | None:
    return read_known(_access, project_id, number)
