"""Methods compared on the reader's own labels: the table, and what starts a comparison."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from sslapp.ui.common import faults, plain
from sslapp.usecases.access import Access
from sslapp.usecases.training.options import CHALLENGERS
from sslapp.usecases.training.preview import Choices, Preview
from sslapp.usecases.training.trials import DIFFERENCE, lacking, rows_of, start_trials
from sslapp.words import count

REFUSED = "trials-refused"
KEY = "train-trials"
ABOUT_INTERVALS = """Accuracy minus the ensemble's on the same labels. The intervals of all rows
together hold with 95 % probability; a patient's images count as one witness."""


def show(access: Access, project_id: int, found: Preview, can: Choices) -> None:
    """Draw how methods did, if they were compared, and the button that compares them."""
    compared = can.compared
    encoders = can.covering(found.images)
    why_not = lacking(found.experts, len(found.classes), encoders)
    with st.expander("Compare methods on your labels", expanded=compared is not None, key=KEY):
        if compared is None:
            st.caption(
                "Every quick method is fitted without some of your labels and asked about these. "
                "It takes seconds for some thousand images; on few labels the interval says how "
                "little they can tell."
            )
        else:
            st.caption(plain.markdown(" ".join(about(found, can))))
            if compared.trials:
                st.dataframe(
                    pd.DataFrame(rows_of(compared.trials)),
                    hide_index=True,
                    column_config={DIFFERENCE: st.column_config.TextColumn(help=ABOUT_INTERVALS)},
                    alt="Methods compared on your labels, the ensemble first",
                    key=f"{KEY}-table",
                )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            also = st.multiselect(
                "Also methods that train for minutes",
                list(CHALLENGERS),
                format_func=lambda each: CHALLENGERS[each].title,
                key=f"{KEY}-also",
                persist_state="session",
                placeholder="none",
                help="They are asked about a third of the labels after one training each.",
            )
            st.button(
                "Compare again" if compared else "Compare",
                key=f"{KEY}-start",
                disabled=bool(why_not),
                on_click=_start,
                args=(access, project_id, also),
            )
        if why_not:
            st.caption(why_not)
        refused = st.session_state.pop(REFUSED, "")
        if refused:
            st.error(plain.markdown(refused))


def _start(access: Access, project_id: int, also: Sequence[str]) -> None:
    faults.attempt(REFUSED, lambda: start_trials(access, project_id, also=also))


def about(found: Preview, can: Choices) -> list[str]:
    """What the comparison was about, and whether it still stands, a sentence each."""
    compared = can.compared
    assert compared is not None
    if not compared.trials:
        return ["No label could be left out: all are of one group."]
    judged = count(compared.trials[0].judged, "label")
    said = [f"Asked about {judged}, each by a fit that was not taught it."]
    if compared.labelled != found.labelled:
        said.append(f"You have {count(found.labelled, 'label')} to train on now.")
    encoders = can.covering(found.images)
    class_ids = [each.id for each in found.classes]
    if not compared.stands(labelled=found.labelled, class_ids=class_ids, encoders=encoders):
        said.append(f"Nothing is suggested by it any more: {_outdated(found, can)}.")
    return said


def _outdated(found: Preview, can: Choices) -> str:
    """Why the comparison does not stand."""
    compared = can.compared
    assert compared is not None
    if compared.class_ids != [each.id for each in found.classes]:
        return "the classes are others"
    if compared.encoders - set(can.covering(found.images)):
        return "images have come that are not embedded by all of its encoders"
    if set(can.covering(found.images)) - compared.encoders:
        return "another encoder's features have come"
    return "you have twice as many labels"
