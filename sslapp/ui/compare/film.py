"""The film of a round: how its network came to tell the images apart."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from sslapp.charts.look import UNLABELLED
from sslapp.charts.trajectory import trajectory
from sslapp.usecases.access import Access
from sslapp.usecases.comparing.comparison import Compared, Comparison
from sslapp.usecases.comparing.curves import read_film
from sslapp.usecases.projects.classes import ClassRow
from sslapp.words import count

PREDICTED, LABEL = "Predicted class", "Current label"


def show(access: Access, project_id: int, found: Comparison, chosen: Compared) -> None:
    """Draw the film, if one was kept."""
    film = read_film(access, project_id, chosen.round.number) if chosen.round.film else None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Embedding over training", anchor=False, width="stretch")
        by = st.segmented_control(
            "Colour by",
            [PREDICTED, LABEL],
            default=PREDICTED,
            key="compare-film-colour",
            label_visibility="collapsed",
            required=True,
            disabled=film is None,
        )
    if film is None:
        st.caption("This round took no training steps, so there is nothing to watch.")
        return
    numbers = chosen.predicted[film.positions] if by == PREDICTED else found.labels[film.positions]
    st.plotly_chart(
        trajectory(
            film.xy,
            film.steps.tolist(),
            colours(numbers, found.classes),
            legend=_legend(numbers, found.classes),
        ),
        key="compare-film",
        config={"displayModeBar": False},
        alt=f"Embedding of {len(film.positions)} images over the training of round "
        f"{chosen.round.number}",
    )
    st.caption(
        f"{count(len(film.positions), 'image')} drawn at random, as the network's last layer sees "
        "them; the axes are the two directions in which they differ most at the end."
    )


def _legend(numbers: NDArray[np.integer], classes: Sequence[ClassRow]) -> list[tuple[str, str]]:
    """The classes that are there, and what the points without one are."""
    there = set(numbers.tolist())
    named = [(each.name, each.colour) for each in classes if each.number in there]
    return [*named, ("no label", UNLABELLED)] if -1 in there else named


def colours(numbers: NDArray[np.integer], classes: Sequence[ClassRow]) -> list[str]:
    """The colour of each class number; -1 is unlabelled."""
    known = {each.number: each.colour for each in classes}
    return [known.get(number, UNLABELLED) for number in numbers.tolist()]
