"""Import labels: a table from this computer, with what it would bring before it is brought in."""

import streamlit as st

from sslapp.ui.common import addresses, faults, plain
from sslapp.ui.projects.imports import sources, upload
from sslapp.usecases.access import Access
from sslapp.usecases.images.incoming.uploads import MANIFESTS, TABLES, limit
from sslapp.usecases.images.own_labels.plan import LabelPlan
from sslapp.usecases.labelling.label_lists import ListPlan
from sslapp.usecases.labelling.sent_tables import (
    SentTable,
    import_sent,
    plan_sent,
)
from sslapp.words import count

FORMATS = (
    "The columns image and class, in a line for each label; position or sha256 tell images apart "
    "that are called the same. Comma, semicolon or tab, UTF-8. Its labels are yours. A table that "
    "sslapp exported, sent with its .manifest.json, keeps who gave each label, when and how."
)
_TURN, _DONE = "projects-labels-turn", "projects-labels-done"


def show(access: Access, project_id: int, *, may_add: bool) -> None:
    """Draw the form; for readers of a project with images.

    Args:
        may_add: whether the reader may add classes.
    """
    with st.expander("Import labels", key=f"projects-labels-{project_id}"):
        # the browser's part goes on showing what has arrived until it is another one
        key = f"projects-labels-{project_id}-{st.session_state.get(_TURN, 0)}"
        if done := st.session_state.pop(_DONE, ""):
            st.success(done)
        sent = _sent(access, key)
        if sent is None:
            return
        choice = sources.chosen_labels(key)
        plans: list[LabelPlan | ListPlan] = []
        why = faults.refusal(lambda: plans.append(plan_sent(access, project_id, sent, choice)))
        for line in why.splitlines():
            st.caption(f":red[{plain.markdown(line)}]")
        if not plans:
            return
        _draw(key, plans[0], may_add=may_add)
        if st.button("Import labels", key="projects-labels-import"):
            brought: list[int] = []
            why = faults.refusal(
                lambda: brought.append(import_sent(access, project_id, sent, choice))
            )
            if why:
                st.error(plain.markdown(why))
                return
            st.session_state[_DONE] = f"{count(brought[0], 'label')} imported."
            st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1
            st.rerun()


def _sent(access: Access, key: str) -> SentTable | None:
    url, most = addresses.of_uploads(access), limit(access, TABLES[0])
    table = upload.show(f"{key}-table", url, limit=most, accept=TABLES)
    st.caption("A table of labels: a .csv file, or one that sslapp exported.", help=FORMATS)
    if table is None:
        return None
    manifest = upload.show(f"{key}-manifest", url, limit=most, accept=MANIFESTS)
    st.caption("Its .manifest.json, if sslapp exported it.")
    return SentTable(table.id, manifest.id if manifest else "")


def _draw(key: str, plan: LabelPlan | ListPlan, *, may_add: bool) -> None:
    if isinstance(plan, LabelPlan):
        sources.draw_plan(key, plan, may_add=may_add)
        return
    with st.container(border=True):
        st.markdown("**A list of labels**, yours from now on")
        st.caption("\n".join(f"- {plain.markdown(each)}" for each in plan.words()))
