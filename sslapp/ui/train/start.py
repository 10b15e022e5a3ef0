"""Start a round: choose how, see on what, for how long, and press the button."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from sslapp.ui.common import faults, plain
from sslapp.ui.train import choices as round_choices
from sslapp.ui.train import form, preview, trials
from sslapp.ui.train.choices import Chosen
from sslapp.usecases.access import Access
from sslapp.usecases.images.embeddings import learned
from sslapp.usecases.training.estimates import Estimate, Planned, estimate
from sslapp.usecases.training.options import PROBLEMS, MethodCard, automatic_values
from sslapp.usecases.training.preview import (
    Choices,
    Preview,
    calibrated_on,
    calibration_ahead,
    choices,
    missing_before_start,
)
from sslapp.usecases.training.rounds import start_round
from sslapp.usecases.training.suggestion import Suggestion, suggested
from sslapp.words import roughly

REFUSED = "train-refused"


def show(
    access: Access, project_id: int, methods: Mapping[str, MethodCard], *, busy: bool = False
) -> None:
    """Draw the panel.

    Args:
        methods: what to choose from, by name.
        busy: other work runs or waits, so that this round would be queued behind it.
    """
    can = choices(access, project_id)
    sides = st.grid(2, min_column_width=420, gap="medium")
    left, right = sides.container(), sides.container()
    with right:  # first: what to suggest on the left depends on the labels
        same_as = round_choices.labels(can, project_id)
        found = preview.read(access, project_id, can, same_as)
        preview.show(found, can, same_as)
    offered = _suggested(found, can)
    with left:
        card = round_choices.method(methods, offered)
        for each in PROBLEMS:
            st.warning(plain.markdown(each), icon=":material/extension_off:")
        chosen = round_choices.settings(card, found, can, project_id, offered)
        round_choices.explained(card, methods)
    # what is compared are the labels of today, whichever snapshot the round is to be trained on
    trials.show(access, project_id, preview.read(access, project_id, can, None), can)
    if card.options.model_fields:
        st.markdown("**Options**")
    offered_config = offered.config if offered.method == card.name else {}
    entered = form.show(
        card.options,
        key=f"train-{project_id}-{card.name}",
        names=card.effective(chosen.gear),
        defaults={**_of_project(card, can), **offered_config},
        automatic=partial(automatic_values, card, found.labelled + found.pool),
    )
    wanted: dict[str, Any] = {
        "method": card.name,
        "gear": chosen.gear,
        "config": {**offered_config, **entered.changed},
        "encoder": chosen.encoder,
        "same_as": same_as,
        "seed": chosen.seed,
        "after": can.newest,
    }
    why_not = missing_before_start(
        found, can, chosen.gear, chosen.encoder, compares_views=card.compares_views
    )
    if entered.errors:
        why_not = "Correct the options above first."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Queue round" if busy else "Start round",
            type="primary",
            key="train-start",
            disabled=bool(why_not),
            on_click=_start,
            args=(access, project_id, wanted),
        )
        if not why_not:
            planned = _planned(chosen, wanted["config"], found, can)
            rests_on = calibration_ahead(found, planned.calibrated_on)
            why_not = f"{lasts(estimate(access, project_id, planned))} {rests_on}"
        st.caption(why_not, width="stretch")
    refused = st.session_state.pop(REFUSED, "")
    if refused:
        st.error(plain.markdown(refused))


def _suggested(found: Preview, can: Choices) -> Suggestion:
    return suggested(
        can.compared,
        labelled=found.labelled,
        class_ids=[each.id for each in found.classes],
        encoders=can.covering(found.images),
    ).suggestion


def _start(access: Access, project_id: int, wanted: dict[str, Any]) -> None:
    faults.attempt(REFUSED, lambda: start_round(access, project_id, **wanted))


def _of_project(card: MethodCard, can: Choices) -> dict[str, Any]:
    """What the project decides in the method's place."""
    return {"flip": can.flip} if "flip" in card.options.model_fields else {}


def _planned(chosen: Chosen, changed: Mapping[str, Any], found: Preview, can: Choices) -> Planned:
    assert can.size is not None  # without images something is missing before the start
    options = chosen.card.options(**{**_of_project(chosen.card, can), **changed})
    return Planned(
        method=chosen.card.name,
        gear=chosen.gear,
        config=options.model_dump(mode="json"),
        trained=found.labelled + found.pool,
        images=found.images,
        size=can.size,
        calibrated_on=calibrated_on(found, options, chosen.gear),
        encoders=len(learned(can.covering(found.images))) if _sees_all(chosen) else 1,
    )


def _sees_all(chosen: Chosen) -> bool:
    """Whether the round is to see the features of every learned encoder."""
    return chosen.card.several_encoders and chosen.encoder is None


def lasts(expected: Estimate) -> str:
    """The estimate and what it rests on, in a sentence."""
    time = roughly(expected.seconds).capitalize()
    if expected.round_number is None:
        return f"{time}, a rough guess: nothing like it ran here yet."
    return f"{time} on this machine, from round {expected.round_number}."
