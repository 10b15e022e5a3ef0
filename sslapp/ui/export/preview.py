"""What an export would hold: labels by class and source, and its first rows."""

from collections.abc import Collection

import pandas as pd
import streamlit as st

from sslapp.usecases.access import Access
from sslapp.usecases.exporting.table import (
    ALL_SOURCES,
    COLUMNS,
    ExportCounts,
    export_counts,
    first_rows,
)
from sslapp.usecases.projects.status import newest_event
from sslapp.vocabulary import Source
from sslapp.words import count

ROWS = 8
FEW, TALLEST = 12, 420
"""With more classes than a few, the table of classes scrolls in so many pixels."""


def read_counts(access: Access, project_id: int) -> ExportCounts:
    """Labels by class and source as they are now."""
    root, number = str(access.workspace.root), newest_event(access, project_id)
    return _counts(root, project_id, number, access)


@st.cache_data(max_entries=16, show_spinner=False)
def _counts(root: str, project_id: int, event: int, _access: Access) -> ExportCounts:
    return export_counts(_access, project_id)


@st.cache_data(max_entries=16, show_spinner=False)
def _rows(
    root: str, project_id: int, event: int, sources: tuple[int, ...], _access: Access
) -> pd.DataFrame:
    return first_rows(_access, project_id, [Source(each) for each in sources], ROWS)


def show_counts(counts: ExportCounts, chosen: Collection[Source]) -> None:
    """Draw a row a class, with what of it goes into the export last."""
    if not counts.classes:
        st.caption("The project has no classes yet.")
        return
    table = pd.DataFrame(
        {
            "Class": [each.name for each in counts.classes],
            **{each.name.capitalize(): counts.counts[:, each] for each in ALL_SOURCES},
            **({"Unproven": counts.unproven} if counts.unproven.any() else {}),
            "Exported": counts.counts[:, list(chosen)].sum(axis=1),
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        height="content" if len(table) <= FEW else TALLEST,
        alt="Labels by class and source",
        key="export-counts",
    )
    if lacking := int(counts.unproven.sum()):
        st.caption(
            f":orange[:material/warning:] {count(lacking, 'label')} unproven: accepted in bulk, "
            "and in no audit. Check them on the Audit page."
        )


def show_rows(access: Access, project_id: int, chosen: Collection[Source]) -> None:
    """Draw the first rows, with what each column means at its head."""
    frame = _rows(
        str(access.workspace.root),
        project_id,
        newest_event(access, project_id),
        tuple(int(each) for each in chosen),
        access,
    )
    st.dataframe(
        frame,
        hide_index=True,
        column_config={
            name: st.column_config.Column(help=about) for name, about in COLUMNS.items()
        },
        placeholder="",
        alt="First rows of the export",
        key="export-rows",
    )
    st.caption("Files have a column `snapshot` besides, the hash of what was frozen for them.")
