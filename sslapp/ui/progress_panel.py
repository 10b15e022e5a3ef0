"""Live work: what runs, how far it is, and how to stop it. Redrawn every second while needed."""

from collections.abc import Mapping

import plotly.graph_objects as go
import streamlit as st

from sslapp.ui import plain
from sslapp.ui.words import proportion, remaining
from sslapp.usecases.access import Access
from sslapp.usecases.jobs import cancel_job
from sslapp.usecases.progress import Progress, Work, log_tail, progress
from sslapp.vocabulary import JobKind, JobState

Course = list[tuple[int, float]]

NO_WORKER = "Waits for a worker. The app starts one; on another machine: `sslapp worker`."

EVERY = 1.0
"""Seconds between two looks at running work."""

TITLES = {
    JobKind.IMPORT: "Importing images",
    JobKind.EMBED: "Embedding images",
    JobKind.EXPORT: "Exporting",
}
LINES = {
    "labelled loss": {"color": "#747CE0", "width": 2},
    "unlabelled loss": {"color": "#8A919C", "width": 2, "dash": "dot"},
}
"""The curves that are drawn, in colours that no class has and that suit both themes."""

ACCURACY = "holdout accuracy"
IN_THE_LOG = frozenset({"loss", "learning rate", ACCURACY})
"""Reported, but not worth a figure of their own: sums, settings, and what is shown with its n."""


def show(access: Access, project_id: int, seen: Progress, titles: dict[str, str]) -> None:
    """Draw the active jobs, and redraw the whole page when one starts or ends.

    Args:
        seen: the progress that the rest of the page was drawn from.
        titles: method name -> what pages call it.
    """

    def panel() -> None:
        now = progress(access, project_id)
        if now.signature != seen.signature:
            st.rerun()
        for work in now.active:
            _job(access, work, titles, now.worker_alive)

    st.fragment(panel, run_every=EVERY if seen.active else None, key="progress")()


def _job(access: Access, work: Work, titles: dict[str, str], worker_alive: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(_title(work, titles), anchor=False, width="stretch")
        st.button(
            "Cancelling …" if work.cancelling else "Cancel",
            key=f"cancel-{work.id}",
            disabled=work.cancelling,
            on_click=_cancel,
            args=(access, work.id),
        )
    if work.state == JobState.QUEUED:
        st.caption("Waits for its turn." if worker_alive else NO_WORKER)
        return
    st.progress(min(work.step / work.total, 1.0) if work.total else 0.0, text=_pace(work))
    if work.metrics:
        _figures(work)
    if work.kind == JobKind.ROUND:
        _log(access, work)


def _cancel(access: Access, job_id: int) -> None:
    cancel_job(access, job_id)


def _title(work: Work, titles: dict[str, str]) -> str:
    if work.round_number is None:
        return TITLES[work.kind]
    return f"Round {work.round_number} · {plain.markdown(titles.get(work.method or '', ''))}"


def _pace(work: Work) -> str:
    parts = [plain.markdown(work.message) or "starting"]
    if work.total:
        parts.append(f"{work.step:,} of {work.total:,}")
    if work.eta is not None:
        parts.append(remaining(work.eta))
    if work.attempt > 1:
        parts.append(f"attempt {work.attempt}")
    return " · ".join(parts)


def _figures(work: Work) -> None:
    """The latest value of what the method reports, and the course of its losses."""
    latest = {name: course[-1][1] for name, course in work.metrics.items()}
    curves = {name: work.metrics[name] for name in LINES if len(work.metrics.get(name, ())) > 1}
    sides = st.grid(2 if curves else 1, min_column_width=440)
    with sides.container():
        shown = [*curves, *sorted(latest.keys() - curves.keys() - IN_THE_LOG)]
        with st.grid(max(len(shown), 1), min_column_width=120):
            for name in shown:
                value = latest[name]
                text = f"{100 * value:.0f} %" if name.endswith("rate") else f"{value:.3f}"
                st.metric(plain.markdown(name.capitalize()), text)
        if ACCURACY in latest and work.holdout:
            st.caption(f"Holdout accuracy so far: {proportion(latest[ACCURACY], work.holdout)}")
    if curves:
        sides.plotly_chart(
            _curves(curves, work.total),
            config={"staticPlot": True},
            key=f"losses-{work.id}",
            alt="Losses by step",
        )


def _curves(curves: Mapping[str, Course], total: int) -> go.Figure:
    lines = [
        go.Scatter(
            x=[step for step, _ in course],
            y=[value for _, value in course],
            mode="lines",
            name=name,
            line=LINES[name],
        )
        for name, course in curves.items()
    ]
    return go.Figure(lines).update_layout(
        height=130,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        xaxis={"range": [0, total], "title": None},
        yaxis={"rangemode": "tozero", "title": None, "nticks": 4},
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.0, "yanchor": "bottom"},
    )


def show_failures(access: Access, seen: Progress) -> None:
    """Draw why the newest jobs failed and what mends it, if they did."""
    for failed in seen.failed:
        what = TITLES.get(failed.kind, f"Round {failed.round_number}")
        st.error(f"{what} failed. {plain.markdown(failed.error or '')}", icon=":material/error:")
    if seen.failed:
        _log(access, seen.failed[0])


def _log(access: Access, work: Work) -> None:
    log = st.expander("Log", key=f"log-{work.id}", on_change="rerun")
    if log.open:
        log.code(log_tail(access, work.id) or "Nothing logged yet.", language=None, height=220)
