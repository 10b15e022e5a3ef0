"""Start a round: choose a method and a seed."""

from collections.abc import Mapping

import streamlit as st

from sslapp.methods.cards import MethodCard
from sslapp.ui import plain
from sslapp.usecases.access import Access, NotAllowed
from sslapp.usecases.projects import Status
from sslapp.usecases.rounds import DEFAULT_METHOD, start_round

LARGEST_SEED = 2**31 - 1


def show(access: Access, project_id: int, methods: Mapping[str, MethodCard], why_not: str) -> None:
    """Draw the choices and the button.

    Args:
        access: who starts it.
        project_id: where.
        methods: what to choose from, by name.
        why_not: what has to happen before a round can start, as Markdown; "" when it can.
    """
    names = list(methods)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        method = st.selectbox(
            "Method",
            names,
            index=names.index(DEFAULT_METHOD),
            format_func=lambda name: methods[name].title,
            key="method",
            width=300,
            disabled=bool(why_not),
        )
        seed = st.number_input(
            "Seed",
            min_value=0,
            max_value=LARGEST_SEED,
            value=0,
            key="seed",
            width=120,
            help="Of everything random in the round: same labels, same seed, same result.",
            disabled=bool(why_not),
        )
        pressed = st.button("Start round", type="primary", key="start", disabled=bool(why_not))
    st.caption(why_not or methods[method].about)
    if pressed and not why_not:
        try:
            start_round(access, project_id, method=method, seed=int(seed))
        except (ValueError, NotAllowed) as error:
            st.error(plain.markdown(str(error)))
        else:
            st.rerun()


def why_not(status: Status, embedding_id: int | None) -> str:
    """What has to happen before a round can start, as Markdown; "" when it can."""
    counts = status.counts
    if not counts["images"]:
        return "There are no images yet. Import some: `sslapp import FOLDER`"
    if embedding_id is None:
        return "The images are not embedded yet: `sslapp embed`"
    labelled = counts["expert"] + counts["adjudicated"] + counts["accepted"]
    if labelled <= counts["holdout_labelled"]:
        return (
            "Nothing to learn from yet: label a few images first. `sslapp next --to todo` writes "
            "pictures and a list to fill in; `sslapp label todo/labels.csv` saves the answers."
        )
    return ""
