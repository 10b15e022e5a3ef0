"""Which rounds to compare, and what they are judged on."""

from collections.abc import Mapping, Sequence

import streamlit as st

from sslapp.usecases.access import Access
from sslapp.usecases.comparing.comparison import Comparison, Measure, read_comparison
from sslapp.usecases.comparing.rounds import ComparableRound, usual_choice
from sslapp.words import count

MOST = 6
"""Rounds whose lines can still be told apart."""

HASH_LENGTH = 8


def show(project_id: int, known: Sequence[ComparableRound], titles: Mapping[str, str]) -> list[int]:
    """Draw the choice, grouped by snapshot, newest first; return the chosen numbers in order."""
    by_number = {each.number: each for each in known}
    _prepare(project_id, known)
    newest = sorted(known, key=lambda each: (_newest_of(each, known), each.number), reverse=True)
    chosen = st.multiselect(
        "Rounds",
        [each.number for each in newest],
        key=chosen_key(project_id),
        format_func=lambda number: name(by_number[number], titles),
        max_selections=MOST,
        placeholder="Choose rounds",
    )
    rounds = sorted((by_number[number] for number in chosen), key=lambda each: each.number)
    if rounds:
        st.caption(_shared(rounds))
    return [each.number for each in rounds]


def name(found: ComparableRound, titles: Mapping[str, str]) -> str:
    """ "Round 4 · FixMatch": what charts and menus call it."""
    return f"Round {found.number} · {titles.get(found.method, found.method)}"


def measure(found: Comparison) -> Measure | None:
    """Draw the choice between test split and holdout, if there is one; return what is chosen."""
    known = found.measures
    if len(known) < 2:
        return known[0] if known else None
    sizes = {
        each: max(len(one.truth[each][0]) for one in found.rounds if each in one.truth)
        for each in known
    }
    words = {Measure.TEST: "Test split", Measure.HOLDOUT: "Holdout"}
    picked = st.segmented_control(
        "Judged on",
        known,
        default=known[0],
        key="compare-measure",
        format_func=lambda each: f"{words[each]}, n = {sizes[each]:,}",
        required=True,
    )
    return Measure(picked)


def read(access: Access, project_id: int, numbers: Sequence[int], event: int) -> Comparison:
    """Read a comparison, once while nothing new is recorded."""
    return _read(str(access.workspace.root), project_id, tuple(numbers), event, access)


@st.cache_data(max_entries=8, show_spinner=False)
def _read(
    root: str, project_id: int, numbers: tuple[int, ...], event: int, _access: Access
) -> Comparison:
    return read_comparison(_access, project_id, numbers)


def chosen_key(project_id: int) -> str:
    """Where the session keeps the numbers of the chosen rounds."""
    return f"compare-rounds-{project_id}"


def awaited_key(project_id: int) -> str:
    """Where it keeps those of rounds started on this page, which are shown as they end."""
    return f"compare-awaited-{project_id}"


def _prepare(project_id: int, known: Sequence[ComparableRound]) -> None:
    """Begin with the usual choice; take in what was started here and has ended since."""
    chosen, awaited = chosen_key(project_id), awaited_key(project_id)
    numbers = [each.number for each in known]
    gone = [number for number in st.session_state.get(chosen, []) if number not in numbers]
    if gone:
        st.session_state[chosen] = [each for each in st.session_state[chosen] if each in numbers]
        st.warning(f"{_listed(gone)} can be compared no more.", icon=":material/info:")
    waits = st.session_state.get(awaited, [])
    ended = [number for number in waits if number in numbers]
    if ended:
        st.session_state[awaited] = [number for number in waits if number not in numbers]
        before = st.session_state.get(chosen, [])
        st.session_state[chosen] = [*(each for each in before if each in numbers), *ended][-MOST:]
    elif chosen not in st.session_state:
        st.session_state[chosen] = usual_choice(known)[-MOST:]


def _newest_of(found: ComparableRound, known: Sequence[ComparableRound]) -> int:
    return max(each.number for each in known if each.snapshot == found.snapshot)


def _shared(rounds: Sequence[ComparableRound]) -> str:
    """What the chosen rounds have in common."""
    groups: dict[str, list[ComparableRound]] = {}
    for each in rounds:
        groups.setdefault(each.snapshot, []).append(each)
    parts = [
        f"{_listed([each.number for each in group])} on snapshot {key[:HASH_LENGTH]} "
        f"({count(group[0].labelled, 'label')})"
        for key, group in groups.items()
    ]
    if len(groups) > 1:
        return f"The labels differ: {'; '.join(parts)}."
    if len(rounds) > 1:
        return f"Same labels, same holdout: {parts[0]}."
    return f"{parts[0]}."


def _listed(numbers: Sequence[int]) -> str:
    words = [str(each) for each in numbers]
    if len(words) == 1:
        return f"Round {words[0]}"
    return f"Rounds {', '.join(words[:-1])} and {words[-1]}"
