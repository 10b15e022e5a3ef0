"""Learning curves of several rounds, redrawn while some of them still train."""

from collections.abc import Mapping, Sequence

import streamlit as st

from sslapp.charts.curves import CurveLine, curves
from sslapp.ui.common import plain
from sslapp.usecases.access import Access
from sslapp.usecases.comparing.curves import TrainingCurves, training_curves
from sslapp.usecases.training.metrics import SHARES
from sslapp.usecases.training.progress import LiveJobs, live_jobs
from sslapp.vocabulary import JobKind, JobState
from sslapp.words import duration

EVERY = 3.0
"""Seconds between two looks at running rounds: every look draws all charts anew."""

FIGURES = ("holdout accuracy", "labelled loss", "unlabelled loss", "mask rate")
"""What is drawn, where a round reported it more than once."""

STEP, SECONDS = "Step", "Seconds"


def show(
    access: Access,
    project_id: int,
    chosen: Sequence[int],
    seen: LiveJobs,
    titles: Mapping[str, str],
) -> None:
    """Draw the curves of the chosen and of all active rounds.

    Args:
        seen: the progress that the rest of the page was drawn from; when a round starts or ends
            meanwhile, the whole page is drawn anew.
    """

    def panel() -> None:
        now = live_jobs(access, project_id)
        if now.signature != seen.signature:
            st.rerun()
        _draw(training_curves(access, project_id, sorted({*chosen, *active(now)})), titles)

    st.fragment(panel, run_every=EVERY if active(seen) else None, key="compare-curves")()


def active(seen: LiveJobs) -> list[int]:
    """Numbers of the rounds that wait or run."""
    return [
        each.round_number
        for each in seen.active
        if each.kind == JobKind.ROUND and each.round_number is not None
    ]


def _draw(found: Sequence[TrainingCurves], titles: Mapping[str, str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Learning curves", anchor=False, width="stretch")
        across = st.segmented_control(
            "Across",
            [STEP, SECONDS],
            default=STEP,
            key="compare-across",
            label_visibility="collapsed",
            required=True,
        )
    st.caption("; ".join(_state(each, titles) for each in found))
    known = [name for name in FIGURES if any(_is_curve(each, name) for each in found)]
    if not known:
        st.caption("No curve yet: these rounds reported one value or none.")
        return
    grid = st.grid(2, min_column_width=400)
    for figure in known:
        with grid.container():
            st.markdown(f"**{figure.capitalize()}**")
            st.plotly_chart(
                curves(
                    curve_lines(found, figure, by_seconds=across == SECONDS),
                    across=str(across),
                    share=figure in SHARES,
                    legend=len(found) > 1,
                ),
                key=f"compare-curve-{figure}",
                config={"displayModeBar": False},
                alt=f"{figure.capitalize()} by {str(across).lower()}",
            )


def curve_lines(
    found: Sequence[TrainingCurves], figure: str, *, by_seconds: bool
) -> list[CurveLine]:
    """One figure of the rounds that reported it; each round keeps its line in every chart."""
    return [
        CurveLine(
            name=f"Round {each.number}",
            number=place,
            x=[step * (each.pace if by_seconds else 1) for step, _ in each.curves[figure]],
            y=[value for _, value in each.curves[figure]],
        )
        for place, each in enumerate(found)
        if figure in each.curves
    ]


def _is_curve(found: TrainingCurves, name: str) -> bool:
    return len(found.curves.get(name, ())) > 1


def _state(found: TrainingCurves, titles: Mapping[str, str]) -> str:
    name = f"Round {found.number} · {plain.markdown(titles.get(found.method, found.method))}"
    if found.state == JobState.DONE:
        last = max((curve[-1][0] for curve in found.curves.values()), default=0)
        return f"{name}: {duration(last * found.pace)}" if last else f"{name}: done"
    return f"{name}: {found.state.value}"
