"""Two rounds against each other: which is better, how far they agree, and where they differ."""

from collections.abc import Mapping

import numpy as np
import streamlit as st

from sslapp.ui.common import matrix, picture_grid, plain
from sslapp.ui.compare import maps
from sslapp.ui.compare.choice import name
from sslapp.usecases.access import Access
from sslapp.usecases.comparing.comparison import Comparison, Measure, Paired
from sslapp.words import count, percent

KEY = "compare-flips"


def show(
    access: Access,
    project_id: int,
    found: Comparison,
    measure: Measure | None,
    titles: Mapping[str, str],
) -> None:
    """Draw the choice of two rounds and what lies between them."""
    first, second = _choose(found, titles)
    if first == second:
        st.caption("Choose two different rounds.")
        return
    st.markdown("  \n".join(_facts(found, first, second, measure)))
    maps.show(access, project_id, found, first, second)
    counts = found.agreement(first, second)
    changed = counts.copy()
    np.fill_diagonal(changed, 0)
    if not changed.any():
        return
    axes = {"rows": f"Round {first}", "columns": f"Round {second}"}
    left, right = st.columns(2, gap="large")
    with left:
        matrix.show(
            changed,
            found.classes,
            key=KEY,
            alt=f"Images that round {first} and round {second} put into different classes",
            **axes,
        )
    with right:
        cell = matrix.choose(changed, found.classes, key=KEY, **axes)
        _flipped(access, project_id, found, (first, second), cell)


def _choose(found: Comparison, titles: Mapping[str, str]) -> tuple[int, int]:
    numbers = [each.round.number for each in found.rounds]
    words = {each.round.number: name(each.round, titles) for each in found.rounds}
    picked = []
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for title, what, index in (("First", "first", 0), ("Second", "second", len(numbers) - 1)):
            key = f"compare-{what}"
            if st.session_state.get(key) not in numbers:
                st.session_state[key] = numbers[index]
            picked.append(
                st.selectbox(title, numbers, key=key, format_func=lambda each: words[each])
            )
    return picked[0], picked[1]


def _facts(found: Comparison, first: int, second: int, measure: Measure | None) -> list[str]:
    """What the two have to do with each other, a sentence each, as Markdown."""
    counts = found.agreement(first, second)
    total, same = int(counts.sum()), int(np.trace(counts))
    kappa = found.kappa(first, second)
    beyond = "" if kappa is None else f", Cohen's kappa {kappa:.3f}"
    facts = []
    result = None if measure is None else found.paired(first, second, measure)
    if result is not None and measure is not None:
        facts.append(difference(result, first, second, measure))
    facts.append(
        f"**Agreement:** {percent(same / max(total, 1))} of {count(total, 'image')} "
        f"in the same class{beyond}; {count(total - same, 'label')} flip."
    )
    return facts


def difference(result: Paired, first: int, second: int, measure: Measure) -> str:
    """How much better the second is than the first, and how much of that chance explains."""
    where = {Measure.TEST: "test split", Measure.HOLDOUT: "holdout"}[measure]
    points = f"{100 * result.difference:+.1f}".replace("-", "−")
    chance = "p < .001" if result.p_value < 0.001 else f"p = {result.p_value:.3f}"
    return (
        f"**Difference on the {where}:** {points} points from round {first} to round {second}. "
        f"Only round {first} is right on {result.only_first:,}, only round {second} on "
        f"{result.only_second:,} of {count(result.judged, 'image')} "
        f"(exact McNemar test, {chance.replace('0.', '.')})."
    )


def _flipped(
    access: Access,
    project_id: int,
    found: Comparison,
    pair: tuple[int, int],
    cell: matrix.Cell | None,
) -> None:
    positions = found.flips(*pair, pair=cell)
    one, other = (found.of(number) for number in pair)
    shown = positions[: picture_grid.SHOWN]
    lines = [
        f"{_class(found, one.predicted[each])} → {_class(found, other.predicted[each])}"
        for each in shown
    ]
    what = "All flips" if cell is None else _cell(found, cell)
    st.caption(f"{what}: {count(len(positions), 'image')}, those first of which both are sure.")
    picture_grid.show(access, project_id, positions, lines, key=f"{KEY}-pictures")


def _cell(found: Comparison, cell: matrix.Cell) -> str:
    before, after = (plain.markdown(_class(found, each)) for each in cell)
    return f"{before} → {after}"


def _class(found: Comparison, number: int) -> str:
    return found.classes[number].name
