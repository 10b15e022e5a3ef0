"""The chosen rounds in one table: what each is, how good, how sure, and what it cost."""

import math
from collections.abc import Mapping

import pandas as pd
import streamlit as st

from sslapp.ui.compare.choice import HASH_LENGTH
from sslapp.usecases.comparing.comparison import SURE, Compared, Comparison, Measure, Score
from sslapp.words import duration, percent, proportion

NOTHING = "–"


def show(found: Comparison, measure: Measure | None, titles: Mapping[str, str]) -> None:
    """Draw the table. `measure`: what the calibration error is taken on."""
    st.dataframe(
        table(found, measure, titles),
        hide_index=True,
        alt="The chosen rounds and their figures",
        key="compare-table",
        column_config={"Round": st.column_config.NumberColumn(width=60)},
    )
    if any(not each.round.calibrated for each in found.rounds):
        st.caption("Uncalibrated: too few labels were kept from the training to calibrate on.")


def table(found: Comparison, measure: Measure | None, titles: Mapping[str, str]) -> pd.DataFrame:
    """The rounds as words, a column a fact; what no round has is left out."""
    rows = [
        {
            "Round": each.round.number,
            "Method": f"{titles.get(each.round.method, each.round.method)} ({each.round.gear})",
            "Seed": each.round.seed,
            "Steps": NOTHING if each.round.steps is None else f"{each.round.steps:,}",
            "Labels": each.round.labelled,
            **{
                f"{what} accuracy (95 % interval)": _score(each.score(of))
                for of, what in ((Measure.TEST, "Test"), (Measure.HOLDOUT, "Holdout"))
                if of in found.measures
            },
            "ECE, raw → calibrated": _errors(each, measure),
            "Mean confidence": _percent(each.mean_confidence),
            f"Coverage at {SURE:g}": _percent(each.coverage),
            "Duration": duration(each.round.seconds),
            "Snapshot": each.round.snapshot[:HASH_LENGTH],
        }
        for each in found.rounds
    ]
    return pd.DataFrame(rows)


def _score(score: Score | None) -> str:
    return NOTHING if score is None else proportion(score.share, score.judged)


def _percent(share: float | None) -> str:
    return NOTHING if share is None else percent(share)


def _errors(found: Compared, measure: Measure | None) -> str:
    if measure is None or measure not in found.truth:
        return NOTHING
    raw = found.calibration(measure, raw=True).error
    assert not math.isnan(raw)
    if not found.round.calibrated:
        return f"{raw:.3f}, uncalibrated"
    return f"{raw:.3f} → {found.calibration(measure).error:.3f}"
