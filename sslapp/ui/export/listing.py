"""The exports so far, newest first: progress, facts, and where to fetch them."""

from collections.abc import Sequence

import streamlit as st

from sslapp.ui.common import addresses, faults, plain
from sslapp.usecases.access import Access
from sslapp.usecases.exporting.exported import ExportLine, delete_export, exports_of
from sslapp.usecases.exporting.exports import Format
from sslapp.usecases.jobs import cancel_job
from sslapp.vocabulary import JobState
from sslapp.words import count, remaining, size

SHOWN = 20
FAULT = "export-list-fault"
EVERY = 1.0
"""Seconds between two looks while an export runs."""

TITLES = {
    Format.CSV: "CSV",
    Format.EXCEL: "Excel",
    Format.PARQUET: "Parquet",
    Format.FOLDER: "Folder of images",
    Format.ZIP: "Images",
    Format.REPORT: "Report",
    Format.MODEL: "Trained model",
}
ACTIVE = (JobState.QUEUED, JobState.RUNNING)


def show(access: Access, project_id: int, round_number: int | None = None) -> None:
    """Draw the list, and follow what runs.

    Args:
        round_number: whose models alone are shown; None for every export.
    """
    seen = _lines(access, project_id, round_number)

    def panel() -> None:
        now = _lines(access, project_id, round_number)
        if _signature(now) != _signature(seen):
            st.rerun()
        for line in now:
            _line(access, line)

    if fault := st.session_state.pop(FAULT, None):
        st.error(plain.markdown(fault), icon=":material/error:")
    if not seen:
        if round_number is None:
            st.caption("No export yet.")
        return
    active = any(line.state in ACTIVE for line in seen)
    faults.fragment(panel, run_every=EVERY if active else None, key="exports")
    if len(seen) == SHOWN and round_number is None:
        st.caption(f"The newest {SHOWN}; older ones stay in the workspace's folder `exports`.")


def _lines(access: Access, project_id: int, round_number: int | None) -> list[ExportLine]:
    if round_number is None:
        return exports_of(access, project_id, SHOWN)
    return [each for each in exports_of(access, project_id) if each.round == round_number]


def _signature(lines: Sequence[ExportLine]) -> list[tuple[int, str]]:
    return [(line.job_id, line.state) for line in lines]


def _line(access: Access, line: ExportLine) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch", gap="xxsmall"):
            st.markdown(f"**{TITLES[line.format]}** · {plain.markdown(_what(line))}")
            st.caption(_when(line))
            if line.remark:
                st.caption(f"No model.onnx in it: {plain.markdown(line.remark)}")
        if line.state in ACTIVE and line.controllable:
            st.button(
                "Cancelling …" if line.cancelling else "Cancel",
                key=f"export-cancel-{line.job_id}",
                disabled=line.cancelling,
                on_click=_cancel,
                args=(access, line.job_id),
            )
        elif line.state == JobState.DONE:
            _hand_out(access, line)
    if line.state == JobState.RUNNING:
        share = min(line.step / line.total, 1.0) if line.total else 0.0
        st.progress(share, text=_pace(line))
    elif line.state == JobState.FAILED:
        st.error(plain.markdown(line.error or "It failed."), icon=":material/error:")


def _cancel(access: Access, job_id: int) -> None:
    faults.attempt(FAULT, lambda: cancel_job(access, job_id))


def _hand_out(access: Access, line: ExportLine) -> None:
    address = addresses.of_export(access, line.job_id)
    with st.popover("Details", key=f"export-facts-{line.job_id}"):
        st.code(facts(line), language=None)
        if line.has_manifest:
            st.link_button("Manifest", f"{address}/manifest")
    if line.deletable:
        _offer_deletion(access, line)
    if line.fetchable:
        st.link_button("Download", address, key=f"export-fetch-{line.job_id}")


def _offer_deletion(access: Access, line: ExportLine) -> None:
    with st.popover("Delete …", key=f"export-delete-{line.job_id}"):
        files = f"{plain.markdown(line.name)} ({size(line.bytes or 0)})"
        files += " and its manifest" if line.has_manifest else ""
        st.markdown(
            f"**Delete this export?** {files} will be gone from the server. The labels stay, and "
            "the record that this was exported, with its sha256. An export made later holds the "
            "labels of then. This cannot be undone."
        )
        st.button(
            "Delete the files",
            key=f"export-delete-yes-{line.job_id}",
            on_click=_delete,
            args=(access, line.job_id),
        )


def _delete(access: Access, job_id: int) -> None:
    faults.attempt(FAULT, lambda: delete_export(access, job_id))


def facts(line: ExportLine) -> str:
    """What identifies the export, a line a fact."""
    listed: dict[str, object] = {
        "file": line.name,
        "sha256": line.sha256,
        "snapshot": line.snapshot,
        "event": line.event,
        "labels": line.rows,
        "round": line.round,
        **{f"  {source}": number for source, number in line.sources.items()},
    }
    return "\n".join(f"{name:10} {value}" for name, value in listed.items() if value is not None)


def _what(line: ExportLine) -> str:
    if line.state == JobState.QUEUED:
        return "waits for a worker"
    if line.state == JobState.CANCELLED:
        return "cancelled"
    if line.round is not None:
        return f"of round {line.round}"
    if line.rows is None:
        return f"read at event {line.event:,}" if line.event is not None else line.name
    return f"{count(line.rows, 'label')} from {', '.join(line.sources)}"


def _when(line: ExportLine) -> str:
    parts = [f"{line.created_at:%d %b %Y, %H:%M} UTC"]
    if line.by:
        parts[0] += f" by {plain.markdown(line.by)}"
    if line.bytes is not None:
        parts.append(size(line.bytes))
    if line.sha256:
        parts.append(f"sha256 {line.sha256[:8]}")
    if line.snapshot:
        parts.append(f"snapshot {line.snapshot[:8]}")
    if line.state == JobState.DONE and not line.fetchable:
        parts.append("not kept in the workspace")
    return " · ".join(parts)


def _pace(line: ExportLine) -> str:
    parts = [plain.markdown(line.message) or "starting"]
    if line.total:
        parts.append(f"{line.step:,} of {line.total:,}")
    if line.eta is not None:
        parts.append(remaining(line.eta))
    return " · ".join(parts)
