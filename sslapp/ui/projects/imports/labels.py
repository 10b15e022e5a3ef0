"""Import labels: a list from this computer, with what it would bring before it is brought in."""

import streamlit as st

from sslapp.ui.common import addresses, faults, plain
from sslapp.ui.projects.imports import list_choices, sources, upload
from sslapp.ui.projects.imports.kept import once
from sslapp.usecases.access import Access
from sslapp.usecases.images.incoming.uploads import MANIFESTS, TABLES, limit
from sslapp.usecases.images.own_labels.plan import LabelPlan
from sslapp.usecases.images.own_labels.sorting import LabelChoice
from sslapp.usecases.labelling.label_lists import ListPlan
from sslapp.usecases.labelling.lists import Saved
from sslapp.usecases.labelling.read_lists import ReadPlan
from sslapp.usecases.labelling.sent_tables import SentTable, import_sent, plan_sent

FORMATS = (
    "A .csv, .tsv, .xlsx, .parquet or .jsonl file with a line for each label: a column for the "
    "image (path, file_name, image_id ...; also position or sha256) and one for the class (class, "
    "label, diagnosis ...), or a 0/1 column a class. Its labels are yours. Predictions of another "
    "model have a confidence as well, or a probability for each class. A table that sslapp "
    "exported, sent with its .manifest.json, keeps who gave each label, when and how."
)
_TURN, _DONE = "projects-labels-turn", "projects-labels-done"


def show(
    access: Access, project_id: int, *, revision: int, class_names: list[str], is_admin: bool
) -> None:
    """Draw the form; for readers of a project with images.

    Args:
        revision: number of the project's newest event.
        class_names: of the project.
        is_admin: whether the reader may add classes, and name another reader.
    """
    with st.expander("Import labels", key=f"projects-labels-{project_id}"):
        # the browser's part goes on showing what has arrived until it is another one
        key = f"projects-labels-{project_id}-{st.session_state.get(_TURN, 0)}"
        if done := st.session_state.pop(_DONE, ""):
            st.success(done)
        sent = _sent(access, key)
        if sent is None:
            return
        key = f"{key}-{sent.table}"
        list_choices.draw_use(key, is_admin=is_admin)
        choice = sources.chosen_labels(key)
        plans: list[LabelPlan | ReadPlan] = []

        def plan() -> None:
            listed = list_choices.chosen(key)
            plans.append(
                once(
                    f"labels-{project_id}",
                    (project_id, revision, sent, choice, str(listed)),
                    lambda: plan_sent(access, project_id, sent, choice, listed),
                )
            )

        why = faults.refusal(plan)
        found = plans[0] if plans else None
        if not isinstance(found, LabelPlan):
            list_choices.draw(key, found, class_names, is_admin=is_admin)
        for line in why.splitlines():
            st.caption(f":red[{plain.markdown(line)}]")
        if found is None:
            return
        _draw(key, found, may_add=is_admin)
        refused = isinstance(found, ReadPlan) and found.refused
        what = list_choices.BRINGS[list_choices.chosen_use(key)]
        if st.button(what, key="projects-labels-import", disabled=refused):
            _bring_in(access, project_id, sent, choice, key)


def _bring_in(
    access: Access, project_id: int, sent: SentTable, choice: LabelChoice, key: str
) -> None:
    brought: list[Saved] = []

    def bring() -> None:
        brought.append(import_sent(access, project_id, sent, choice, list_choices.chosen(key)))

    if why := faults.refusal(bring):
        st.error(plain.markdown(why))
        return
    st.session_state[_DONE] = brought[0].said
    st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1
    st.rerun()


def _sent(access: Access, key: str) -> SentTable | None:
    url, most = addresses.of_uploads(access), limit(access, TABLES[0])
    table = upload.show(f"{key}-table", url, limit=most, accept=TABLES)
    st.caption("A list of labels, or a table that sslapp exported.", help=FORMATS)
    if table is None:
        return None
    if not table.name.lower().endswith((".csv", ".parquet")):  # what sslapp exports with one
        return SentTable(table.id)
    manifest = upload.show(f"{key}-manifest", url, limit=most, accept=MANIFESTS)
    st.caption("Its .manifest.json, if sslapp exported it.")
    return SentTable(table.id, manifest.id if manifest else "")


def _draw(key: str, plan: LabelPlan | ReadPlan, *, may_add: bool) -> None:
    if isinstance(plan, LabelPlan):
        sources.draw_plan(key, plan, may_add=may_add)
        return
    with st.container(border=True):
        use = list_choices.chosen_use(key)
        title = f"**A list of {list_choices.NAMES[use].lower()}**"
        if plan.refused:
            st.markdown(f"{title} that cannot be brought in")
        elif isinstance(plan, ListPlan):
            whose = "yours" if plan.given_by is None else f"{plain.markdown(plan.given_by)}'s"
            st.markdown(f"{title}, {whose} from now on")
        else:
            st.markdown(title)
        outcome = plan.refusals() if plan.refused else plan.outcome()
        st.caption("\n".join(map(_bullet, outcome)))
        st.caption("\n".join(map(_bullet, plan.reading())))


def _bullet(sentence: str) -> str:
    """A sentence of a plan as an item; one that goes on about the one before is below it."""
    below = sentence.startswith("... ")
    return f"{'  ' * below}- {plain.markdown(sentence.removeprefix('... '))}"
