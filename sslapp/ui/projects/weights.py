"""Further encoders: what each is good for, and having its weights fetched or removed."""

import streamlit as st

from sslapp.ui.common import faults, plain
from sslapp.usecases.access import Access
from sslapp.usecases.images.weights import (
    EncoderWeights,
    fetch_curated,
    fetching_now,
    missing_packages,
    remove_weights,
    weights_here,
)
from sslapp.words import size

FAULT = "projects-weights-fault"
BUTTON_WIDTH = 92
LICENCES = {
    "mit": "MIT licence",
    "apache-2.0": "Apache 2.0 licence",
    "dinov3-license": "DINOv3 licence",
}
"""What licences are called that the hub calls so."""


def show(access: Access, project_id: int) -> None:
    """Draw the list, folded away; only a server admin may change what lies on the server."""
    if not access.server_admin:
        return
    with st.expander("More encoders", key=f"projects-weights-{project_id}"):
        st.caption(
            "Their weights are fetched once from the Hugging Face hub into this workspace, for "
            "all projects. Others can be named on the command line: `sslapp weights fetch`."
        )
        under_way = fetching_now(access)
        for each in weights_here(access):
            _encoder(access, project_id, each, under_way=each.name in under_way)
        faults.show(FAULT)


def _encoder(access: Access, project_id: int, each: EncoderWeights, *, under_way: bool) -> None:
    known = each.known
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch", gap=None):
            st.markdown(f"**{plain.markdown(known.title if known else each.name)}**")
            st.caption(_facts(each))
            if known:
                st.caption(known.good_for)
        if under_way:
            st.caption("being fetched", width=BUTTON_WIDTH)
        elif each.there:
            st.button(
                "Remove",
                key=f"projects-weights-remove-{each.name}",
                width=BUTTON_WIDTH,
                help="Embeddings made with it stay.",
                on_click=_remove,
                args=(access, each.name),
            )
        elif known:
            _fetch(access, project_id, each)


def _fetch(access: Access, project_id: int, each: EncoderWeights) -> None:
    lacks, terms = missing_packages(each), each.known.terms if each.known else ""
    accept_key = f"projects-weights-accept-{each.name}"
    accepted = bool(st.session_state.get(accept_key)) or not terms
    why = ""
    if lacks:
        why = f"Needs the package {' and '.join(lacks)}, which is not installed."
    elif not accepted:
        why = "Accept its licence first."
    with st.container(width="content", horizontal_alignment="right", gap="small"):
        st.button(
            "Go on" if each.partial else "Fetch",
            key=f"projects-weights-fetch-{each.name}",
            width=BUTTON_WIDTH,
            disabled=bool(why),
            help=why or None,
            on_click=_start,
            args=(access, project_id, each.name, accepted),
        )
        if terms:
            st.checkbox(
                "I accept its licence",
                key=accept_key,
                help=f"The terms are at {terms}. Who accepted them, and when, is recorded.",
            )


def _facts(each: EncoderWeights) -> str:
    known = each.known
    parts = [size(known.megabytes * 1e6) if known and not each.there else size(each.size)]
    if each.partial and not each.there:
        parts[0] = f"{size(each.size)} of {parts[0]} here"
    if known:
        parts += [f"{known.dimensions} numbers an image", f"{known.side} pixels"]
    if each.licence:
        licence = LICENCES.get(each.licence, f"licence {plain.markdown(each.licence)}")
        parts.append(f"[{licence}]({known.terms})" if known and known.terms else licence)
    return " · ".join(parts)


def _start(access: Access, project_id: int, name: str, accept: bool) -> None:
    faults.attempt(FAULT, lambda: fetch_curated(access, project_id, name, accept=accept))


def _remove(access: Access, name: str) -> None:
    faults.attempt(FAULT, lambda: remove_weights(access, name))
