"""What to export: the format, whose labels, and the button; and the button of the report."""

from collections.abc import Collection

import streamlit as st

from sslapp.ui.common import faults
from sslapp.usecases.access import Access
from sslapp.usecases.exporting.exports import Format, export_here
from sslapp.usecases.exporting.table import ALL_SOURCES, ExportCounts
from sslapp.vocabulary import Source
from sslapp.words import count

FORMATS = {
    Format.CSV: ("CSV", "A table for spreadsheets and scripts. Formulas in names are disarmed."),
    Format.EXCEL: ("Excel", "The same table as a workbook, which a double click opens right."),
    Format.PARQUET: ("Parquet", "The same table with types, for pandas, Polars or DuckDB."),
    Format.ZIP: (
        "Images",
        "A zip of images/class/file, as ImageFolder reads it, with the table and the manifest.",
    ),
}
"""Format -> what the page calls it, and what it is for."""

REPORT = (
    "One HTML file that opens without a network: counts, rounds, decisions over time, acceptance, "
    "calibration, learning curves, imports, and the command that verifies them."
)


def show(access: Access, project_id: int, counts: ExportCounts) -> list[Source]:
    """Draw the choices and the button; return the sources that are chosen."""
    format_ = st.segmented_control(
        "Format",
        list(FORMATS),
        default=Format.CSV,
        format_func=lambda each: FORMATS[each][0],
        required=True,
        key="export-format",
    )
    st.caption(FORMATS[format_][1])
    chosen = st.pills(
        "Labels from",
        list(ALL_SOURCES),
        default=list(ALL_SOURCES),
        selection_mode="multi",
        format_func=lambda each: f"{each.name.capitalize()} · {counts.total([each]):,}",
        key="export-sources",
    )
    total = counts.total(chosen)
    pressed = st.button(
        f"Export {count(total, 'label')}",
        type="primary",
        key="export-start",
        disabled=not total + counts.unfitting(chosen),
    )
    st.caption(_about(counts, chosen))
    if pressed:
        _start(access, project_id, format_, chosen)
    return list(chosen)


def show_report(access: Access, project_id: int) -> None:
    """Draw what the report is and its button."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(REPORT, width="stretch")
        if st.button("Write the report", key="export-report"):
            _start(access, project_id, Format.REPORT, ALL_SOURCES)


def _start(access: Access, project_id: int, format_: Format, sources: Collection[Source]) -> None:
    faults.carry_out(lambda: export_here(access, project_id, format_, sources=sources))


def _about(counts: ExportCounts, chosen: Collection[Source]) -> str:
    if not counts.total(ALL_SOURCES) + counts.none_of_these:
        return "There is no label to export yet. Label a few images first."
    unfitting = counts.unfitting(chosen)
    if not counts.total(chosen) + unfitting:
        return "No label comes from there. Choose another source."
    also = f"With {count(unfitting, 'image')} that no class fits. " if unfitting else ""
    return also + (
        "Every row names its source, reader, event and round. A manifest keeps the snapshot's "
        "hash, the chosen sources and the sha256 of every file."
    )
