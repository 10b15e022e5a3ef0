"""What a round can be: its method, gear, labels, encoder and seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from sslapp.ui.common import faults, followed
from sslapp.usecases.images.embeddings import encoder_title, learned
from sslapp.usecases.training.options import MethodCard
from sslapp.usecases.training.preview import Choices, Frozen, Preview
from sslapp.usecases.training.suggestion import Suggestion
from sslapp.vocabulary import Gear
from sslapp.words import count

LARGEST_SEED = 2**31 - 1
HASH_LENGTH = 8
NOW = 0
"""In place of a round's number: the labels of the moment."""

ALL = ""
"""In place of an encoder's name."""

GEARS = {Gear.PIXELS: "the network itself", Gear.FEATURES: "frozen features"}


@dataclass(frozen=True)
class Chosen:
    """How a round is to be run.

    Attributes:
        encoder: None where the gear needs none, or the method averages all.
    """

    card: MethodCard
    gear: Gear
    encoder: str | None
    seed: int


def method(methods: Mapping[str, MethodCard], suggested: Suggestion) -> MethodCard:
    """Draw the list of methods, and what is suggested and why; return the chosen one."""
    names = list(methods)
    name = st.selectbox(
        "Method",
        names,
        index=names.index(suggested.method),
        format_func=lambda each: _titled(methods[each]),
        key="train-method",
        persist_state="session",
        help="Type a part of a name to find it. docs/methods.md compares them all.",
    )
    card = methods[name or suggested.method]
    st.markdown(card.summary)
    st.caption(f":material/lightbulb: {suggested.reason}")
    return card


def explained(card: MethodCard, methods: Mapping[str, MethodCard]) -> None:
    """Draw what the method does: in words, as a formula, and beside which others."""
    with st.expander("What it does", icon=":material/function:", key="train-explained"):
        st.markdown(card.about)
        for equation in card.formula.splitlines():
            st.latex(equation, width="content")
        near = [methods[each].title for each in card.relatives if each in methods]
        if near:
            st.caption(f"Related: {', '.join(near)}.")


def _titled(card: MethodCard) -> str:
    return f"{card.title} · {', '.join(card.gears)}"


def settings(
    card: MethodCard, found: Preview, can: Choices, project_id: int, suggested: Suggestion
) -> Chosen:
    """Draw gear and encoder, where there is a choice, and the seed."""
    gear, encoder = card.gears[0], None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if len(card.gears) > 1:
            gear = _gear(card, suggested)
        if gear == Gear.FEATURES and can.features:
            several = learned(can.covering(found.images)) if card.several_encoders else []
            named = suggested.encoder if card.name == suggested.method else None
            encoder = _encoder(can, project_id, several, named, averaged=card.averages_encoders)
        seed = st.number_input(
            "Seed",
            min_value=0,
            max_value=LARGEST_SEED,
            value=0,
            key="train-seed",
            persist_state="session",
            width=130,
            help="Of everything random in the round: same labels, same seed, same result.",
        )
    return Chosen(card, gear, encoder, int(seed))


def _gear(card: MethodCard, suggested: Suggestion) -> Gear:
    first = suggested.gear if suggested.method == card.name else card.gears[0]
    picked = st.segmented_control(
        "Gear",
        card.gears,
        default=first,
        required=True,
        format_func=str,
        key=f"train-gear-{card.name}",
        persist_state="session",
        help=" ".join(f"{each}: trains {GEARS[each]}." for each in card.gears),
    )
    return Gear(picked) if picked is not None else first


def _encoder(
    can: Choices, project_id: int, several: Sequence[str], named: str | None, *, averaged: bool
) -> str | None:
    """Draw the encoders; return one, or None for all.

    Args:
        several: those that the method would see together.
        named: the one that the suggestion is about.
        averaged: whether it averages over them, or has them side by side.
    """
    known = [each.encoder for each in can.features]
    first = named or next(iter(several), known[0])
    key = f"train-encoder-{project_id}"
    if len(several) > 1:
        known, key = [ALL, *known], f"train-encoders-{project_id}"
        first = named or ALL
    faults.drop_gone(key, known, "The features you chose are there no more.")
    followed.follow(key, first)
    how = "averaged" if averaged else "side by side"
    picked = st.selectbox(
        "Encoder",
        known,
        format_func=lambda each: (
            f"All {len(several)}, {how}" if each == ALL else encoder_title(each)
        ),
        key=key,
        persist_state="session",
        on_change=followed.touch,
        args=(key,),
        width=240,
        help="Whose features the method sees. More encoders: `sslapp embed --encoder NAME`.",
    )
    chosen = first if picked is None else picked
    return None if chosen == ALL else chosen


def labels(can: Choices, project_id: int) -> int | None:
    """Draw which labels to train on; return the round whose snapshot it is, None for today's."""
    by_round = {each.rounds[0]: each for each in can.frozen}
    if not by_round:
        return None
    offered, key = [NOW, *by_round], f"train-labels-{project_id}"
    faults.drop_gone(key, offered, "The snapshot you chose is there no more.")
    picked = st.selectbox(
        "Labels",
        offered,
        format_func=lambda each: snapshot(by_round[each]) if each else "As they are now",
        key=key,
        persist_state="session",
        help="Train on an earlier round's snapshot to compare methods or seeds on the same labels.",
    )
    return picked or None


def snapshot(frozen: Frozen) -> str:
    """ "As in rounds 1, 2 and 4 (50 labels, snapshot 1a2b3c4d)"."""
    *before, last = [str(each) for each in frozen.rounds]
    rounds = f"rounds {', '.join(before)} and {last}" if before else f"round {last}"
    return f"As in {rounds} ({count(frozen.labelled, 'label')}, {frozen.hash[:HASH_LENGTH]})"
