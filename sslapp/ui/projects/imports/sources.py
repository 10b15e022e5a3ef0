"""Choose where images come from: a known set, a file of one's own, or a folder of the server."""

from collections.abc import Mapping, Sequence

import streamlit as st

from sslapp.ui.common import addresses, faults, plain
from sslapp.ui.projects.imports import upload
from sslapp.usecases.access import Access
from sslapp.usecases.images.incoming.known_sets import TITLES, known_here
from sslapp.usecases.images.incoming.sources import (
    SourceChoice,
    SourceKind,
    plan_chosen,
)
from sslapp.usecases.images.incoming.uploads import LOOSE, PICTURES
from sslapp.usecases.images.own_labels.plan import LabelPlan
from sslapp.usecases.images.own_labels.sorting import Conflicts, LabelChoice

NAMES = {
    SourceKind.NAMED: "Known set",
    SourceKind.UPLOAD: "Upload",
    SourceKind.SERVER: "Server folder",
    SourceKind.NONE: "None yet",
}

LAYOUT = (
    "What the folders mean is shown and can be changed before anything is imported. Those that are "
    "classes become hidden true labels, which only simulations and the final score read. A list "
    "of pictures (.csv, .xlsx, ...) has a column path or file_name, and may have group, split and "
    "class; so has a metadata.csv inside a folder or archive. An .npz file has the MedMNIST "
    "layout, train_images, train_labels, ..., or that of Keras, x_train, y_train, ... "
    "A zip archive, or a table with its manifest, that sslapp exported brings the labels with who "
    "gave them; other lists of labels are read under *Import labels*."
)

WHERE = (
    "Sets are looked for in the folder data of the workspace, in the folders that may be imported, "
    "and in the folders directly in these."
)


def show(access: Access, key: str, found: Mapping[str, str], *, may_be_none: bool) -> SourceChoice:
    """Draw the choice and return it.

    Args:
        access: who chooses.
        key: what the widgets' keys begin with.
        found: faults of the values chosen before, by field.
        may_be_none: whether a project without images can be chosen.
    """
    offered = [SourceKind.NAMED, SourceKind.UPLOAD]
    offered += [SourceKind.SERVER] if access.server_admin else []
    offered += [SourceKind.NONE] if may_be_none else []
    kind = st.segmented_control(
        "Images",
        offered,
        default=SourceKind.NAMED if may_be_none else SourceKind.UPLOAD,
        required=True,
        format_func=lambda each: NAMES[each],
        key=f"{key}-kind",
    )
    match kind:
        case SourceKind.NAMED:
            choice = _named(access, key)
        case SourceKind.UPLOAD:
            choice = _uploaded(access, key)
        case SourceKind.SERVER:
            choice = _of_server(access, key)
        case _:
            choice = SourceChoice(SourceKind.NONE)
            st.caption("The project starts empty; images can be imported at any time.")
    faults.below(found, "source")
    return choice


def show_plan(
    access: Access,
    key: str,
    choice: SourceChoice,
    found: Mapping[str, str],
    *,
    project_id: int | None,
    class_names: Sequence[str] = (),
) -> LabelChoice | None:
    """Draw what an own export would bring and what is lost, if one was chosen, before it comes.

    Args:
        access: who chooses.
        key: what the widgets' keys begin with.
        choice: what was chosen.
        found: faults that are told already, by field.
        project_id: where it comes into; None for a project that is still to be made.
        class_names: of that project.

    Returns:
        How its labels are to be brought in; None where no export was chosen.
    """
    labels = chosen_labels(key)
    plans: list[LabelPlan | None] = []
    wrong = faults.of_fields(
        lambda: plans.append(plan_chosen(access, project_id, choice, labels, class_names)), "source"
    )
    if wrong.get("source") != found.get("source"):
        faults.below(wrong, "source")
    plan = plans[0] if plans else None
    if plan is None:
        return None
    draw_plan(key, plan, may_add=project_id is not None)
    return labels


def draw_plan(key: str, plan: LabelPlan, *, may_add: bool) -> None:
    """Draw what an own export brings and the choices about it, which `chosen_labels` reads.

    Args:
        key: what the widgets' keys begin with.
        may_add: whether classes can be added.
    """
    with st.container(border=True):
        st.markdown("**An export of sslapp**, with who gave each label, when and how")
        st.caption("\n".join(f"- {plain.markdown(each)}" for each in plan.words()))
        if may_add:
            st.checkbox("Add classes that are missing here", key=f"{key}-add-classes")
        if not plan.pictures:
            st.checkbox("Let its labels replace other ones here", key=f"{key}-replace")


def chosen_labels(key: str) -> LabelChoice:
    """How the labels of an own export are to be brought in, as the run before chose."""
    add = bool(st.session_state.get(f"{key}-add-classes"))
    instead = bool(st.session_state.get(f"{key}-replace"))
    return LabelChoice(Conflicts.REPLACE if instead else Conflicts.KEEP, add)


def _named(access: Access, key: str) -> SourceChoice:
    name = st.selectbox(
        "Set (type a part of its name to find it)",
        list(TITLES),
        format_func=lambda each: TITLES[each],
        key=f"{key}-set",
    )
    found = known_here(access, name)
    with st.container(border=True, gap=None):
        st.markdown(plain.markdown(found.card.about))
        st.caption(f"Licence: {plain.markdown(found.card.licence)}.")
        st.caption(plain.markdown(found.whereabouts()), help=None if found.there else WHERE)
    return SourceChoice(SourceKind.NAMED, name)


def _uploaded(access: Access, key: str) -> SourceChoice:
    limit = access.workspace.upload_limit
    sent = upload.show(
        *(f"{key}-upload", addresses.of_uploads(access)),
        limit=limit,
        accept=PICTURES,
        pictures=LOOSE,
    )
    st.caption("A folder, pictures, a zip archive of them, or an .npz file of arrays.", help=LAYOUT)
    return SourceChoice(SourceKind.UPLOAD, sent.id if sent else "")


def _of_server(access: Access, key: str) -> SourceChoice:
    folders = access.workspace.import_folders
    path = st.text_input(
        "Folder or file",
        key=f"{key}-path",
        placeholder=str(folders[0] / "pictures") if folders else "",
        disabled=not folders,
    )
    if folders:
        below = ", ".join(plain.markdown(str(each)) for each in folders)
        st.caption(
            f"A folder, a .zip or .npz file, a list of pictures or an export, below {below}.",
            help=LAYOUT,
        )
    else:
        st.caption("SSLAPP_IMPORT_ROOTS names no folder yet that may be imported.")
    return SourceChoice(SourceKind.SERVER, path or "")
