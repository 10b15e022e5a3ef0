"""What a list becomes and how it is read: columns, classes, and what may be left out."""

import streamlit as st

from sslapp.ui.common import plain
from sslapp.usecases.labelling.label_lists import ClassReading, ListReading, written_classes
from sslapp.usecases.labelling.lists import ListChoice, ListUse
from sslapp.usecases.labelling.read_lists import ReadPlan

NAMES = {
    ListUse.LABELS: "Labels",
    ListUse.TRUTH: "Hidden true labels",
    ListUse.PROPOSALS: "Proposals to review",
}
BRINGS = {
    ListUse.LABELS: "Import labels",
    ListUse.TRUTH: "Import true labels",
    ListUse.PROPOSALS: "Import proposals",
}
OF_ADMINS = (ListUse.TRUTH,)
_USES = (
    "Labels count as if they were given here. Hidden true labels are read by simulations and by "
    "the final score alone, for images that came without theirs. Proposals are what another model "
    "predicted, a class and a confidence or a probability for each class: they become a round."
)
AS_FOUND = "as found"
ENCODINGS = {
    "utf-8": "UTF-8",
    "cp1252": "Windows-1252, Western Europe",
    "cp1250": "Windows-1250, Central Europe",
    "cp1251": "Windows-1251, Cyrillic",
    "mac_roman": "Mac Roman",
    "utf-16": "UTF-16",
    "gbk": "GBK, Chinese",
    "big5": "Big5, Chinese",
    "shift_jis": "Shift JIS, Japanese",
    "euc_kr": "EUC-KR, Korean",
}
"""Of texts, by what Python calls them: what a person may choose."""

GUESSED = "Windows-1252"
"""What a text is taken for that is nothing surer."""

_WRITTEN = (
    "What is written in the list = the class, with commas between: 0=normal, 1=pneumonia. The word "
    "order says that the numbers count the project's classes from 0."
)
_FINDING = (
    "A project has one finding an image. Of a list with several, one can be taken as yes or no."
)


def draw_use(key: str, *, is_admin: bool) -> None:
    """Draw the choice of what the list becomes, which `chosen_use` reads."""
    st.segmented_control(
        "It holds",
        [each for each in ListUse if is_admin or each not in OF_ADMINS],
        default=ListUse.LABELS,
        required=True,
        format_func=lambda each: NAMES[each],
        key=f"{key}-use",
        help=_USES,
    )


def chosen_use(key: str) -> ListUse:
    """What the list becomes, as the run before chose."""
    return ListUse(st.session_state.get(f"{key}-use") or ListUse.LABELS)


def chosen(key: str) -> ListChoice:
    """How the list is brought in, as the run before chose.

    Raises:
        ValueError: when the map of classes is none.
    """
    state = st.session_state
    written, by_order = written_classes(state.get(f"{key}-written") or "")
    sheet = state.get(f"{key}-sheet")
    use = chosen_use(key)
    finding = (state.get(f"{key}-finding") or "").strip()
    finding = "" if use is ListUse.PROPOSALS else finding
    classes = ClassReading(
        column=_said(f"{key}-{sheet}-class"),
        classes_of=written,
        by_order=by_order,
        finding=finding or None,
        yes=state.get(f"{key}-yes") if finding else None,
        no=state.get(f"{key}-no") if finding else None,
    )
    reading = ListReading(
        sheet=sheet,
        encoding=_said(f"{key}-encoding"),
        image_column=_said(f"{key}-{sheet}-image"),
        classes=classes,
        only_matched=bool(state.get(f"{key}-matched")),
        all_of=bool(state.get(f"{key}-all-of")),
        confidence_column=_said(f"{key}-{sheet}-confidence"),
    )
    if use is not ListUse.LABELS:
        return ListChoice(use=use, reading=reading)
    kept = tuple(state.get(f"{key}-{sheet}-metadata") or ())
    return ListChoice(reading=reading, given_by=state.get(f"{key}-given-by") or "", metadata=kept)


def draw(key: str, plan: ReadPlan | None, class_names: list[str], *, is_admin: bool) -> None:
    """Draw the choices of how it is read, which `chosen` reads at the next run.

    Args:
        key: what the widgets' keys begin with.
        plan: what can be chosen among; None while the choices contradict the list.
        class_names: of the project.
        is_admin: whether the reader may say that another gave the labels.
    """
    kept = f"{key}-headings"
    if plan is not None:
        st.session_state[kept] = (plan.headings, plan.sheets)
    headings, sheets = st.session_state.get(kept, ([], ()))
    encoding = f"{key}-encoding"
    if plan is None or plan.encoding == GUESSED or _said(encoding):
        st.selectbox(
            "Encoding of the text",
            [AS_FOUND, *ENCODINGS],
            format_func=lambda each: ENCODINGS.get(each, _found(plan)),
            key=encoding,
            help="Choose another one where letters of names and classes are not those of the list.",
        )
    if len(sheets) > 1:
        st.selectbox("Sheet", sheets, key=f"{key}-sheet")
    sheet = st.session_state.get(f"{key}-sheet")
    use = chosen_use(key)
    of_image, of_class, *others = st.columns(3 if use is ListUse.PROPOSALS else 2)
    named = [AS_FOUND, *dict.fromkeys(each for each in headings if each.strip())]
    of_image.selectbox("Image column", named, key=f"{key}-{sheet}-image")
    of_class.selectbox("Class column", named, key=f"{key}-{sheet}-class")
    for each in others:
        each.selectbox("Confidence column", named, key=f"{key}-{sheet}-confidence")
    if is_admin and use is ListUse.LABELS:
        used = {heading for _, heading in plan.columns} if plan is not None else set()
        st.multiselect(
            "Keep as metadata (optional)",
            [each for each in named[1:] if each not in used],
            key=f"{key}-{sheet}-metadata",
            placeholder="Further columns: age, site, view ...",
            help="They come in together with the labels: colour and filter in Review, groups in "
            "Compare. Names of people and patients can be chosen, too; nobody sees a column while "
            "labelling unless an admin lets it be shown.",
        )
    with st.popover("More choices"):
        st.text_input(
            "Classes as they are written (optional)",
            key=f"{key}-written",
            placeholder="0=normal, 1=pneumonia",
            help=_WRITTEN,
        )
        if use is not ListUse.PROPOSALS and st.text_input(
            "One finding as yes or no (optional)", key=f"{key}-finding", help=_FINDING
        ):
            with_it, without = st.columns(2)
            for column, word, name in ((with_it, "yes", "With it"), (without, "no", "Without it")):
                column.selectbox(
                    name,
                    class_names,
                    index=None,
                    format_func=plain.markdown,
                    key=f"{key}-{word}",
                )
        st.checkbox("Leave out lines whose image is not here", key=f"{key}-matched")
        st.checkbox("A patient, study or series of DICOM means all its images", key=f"{key}-all-of")
        if is_admin and use is ListUse.LABELS:
            st.text_input(
                "Given by another reader (optional)",
                key=f"{key}-given-by",
                help="They come as that reader's, as labels of an import do, and what is labelled "
                "here stays as it is.",
            )


def _found(plan: ReadPlan | None) -> str:
    return AS_FOUND if plan is None or not plan.encoding else f"{AS_FOUND}: {plan.encoding}"


def _said(key: str) -> str | None:
    """The heading that was chosen in a select box."""
    found = st.session_state.get(key)
    return None if found in (None, AS_FOUND) else str(found)
