"""The table of rounds: what was trained on what, and how good it is, with its uncertainty."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from sslapp.usecases.training.history import RoundLine
from sslapp.vocabulary import JobState
from sslapp.words import duration, proportion

HASH_LENGTH = 8
KEY = "rounds-table"


def show(lines: Sequence[RoundLine], titles: dict[str, str]) -> None:
    """Draw the table, newest round first.

    Args:
        titles: method name -> what pages call it.
    """
    if not lines:
        st.caption("No round yet.")
        return
    st.dataframe(table(lines, titles), hide_index=True, alt="Rounds, newest first", key=KEY)


def choose(
    lines: Sequence[RoundLine], titles: dict[str, str], accepted: Mapping[int, int]
) -> int | None:
    """Draw the table and return the number of the round that the reader selected, if any.

    Args:
        accepted: round number -> images that have its accepted pseudo-label now.
    """
    if not lines:
        st.caption("No round yet.")
        return None
    event = st.dataframe(
        table(lines, titles, accepted),
        hide_index=True,
        alt="Rounds, newest first; select one for its details",
        key=KEY,
        on_select="rerun",
        selection_mode="single-row",
    )
    rows = event["selection"]["rows"]
    return lines[rows[0]].number if rows and rows[0] < len(lines) else None


def table(
    lines: Sequence[RoundLine],
    titles: dict[str, str],
    accepted: Mapping[int, int] | None = None,
) -> pd.DataFrame:
    """The lines as words, a column a fact."""
    columns: dict[str, list[object]] = {
        "Round": [each.number for each in lines],
        "State": [each.state.value for each in lines],
        "Method": [f"{titles.get(each.method, each.method)} ({each.gear})" for each in lines],
        "Labels": [each.labelled for each in lines],
        "Holdout accuracy (95 % interval)": [_accuracy(each) for each in lines],
    }
    if accepted is not None:
        columns["Accepted"] = [accepted.get(each.number, 0) for each in lines]
    columns |= {
        "ECE, raw → calibrated": [_ece(each) for each in lines],
        "Seed": [each.seed for each in lines],
        "Snapshot": [each.snapshot[:HASH_LENGTH] for each in lines],
        "Duration": [duration(each.seconds) for each in lines],
    }
    return pd.DataFrame(columns)


def _accuracy(line: RoundLine) -> str:
    if line.accuracy is None:
        return "no holdout yet" if line.state == JobState.DONE else "–"
    return proportion(line.accuracy, line.holdout)


def _ece(line: RoundLine) -> str:
    if line.ece_before is None or line.ece_after is None:
        return "–"
    if not line.calibrated:
        return f"{line.ece_before:.3f}, uncalibrated"
    return f"{line.ece_before:.3f} → {line.ece_after:.3f}"
