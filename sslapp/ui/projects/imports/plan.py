"""The plan of an import: what comes, what folders mean, what is asked, and the button."""

import streamlit as st

from sslapp.ui.common import faults, plain
from sslapp.ui.projects.imports.kept import once
from sslapp.ui.projects.imports.plan_choices import Asked, unanswered
from sslapp.usecases.access import Access
from sslapp.usecases.images.incoming.looking import (
    OpenLook,
    import_looked_at,
    open_look,
    put_away,
)
from sslapp.usecases.images.incoming.plan import (
    FrameChoice,
    ImportPlan,
    Level,
    Meaning,
    Reading,
    Slices,
    Split,
    TextChoice,
    Thing,
    plan_of_scan,
)
from sslapp.usecases.images.incoming.plan_words import (
    MEANINGS,
    RULES,
    SLICES,
    THINGS,
    folders,
    lacks,
    some,
    takes,
    told_of_dicom,
    told_of_files,
    told_of_set,
)
from sslapp.usecases.images.incoming.scan import Scan
from sslapp.words import count

CELL = 96
"""Least width of one figure in pixels; narrower pages wrap."""

FOLDERS_SHOWN = 8
MOST_SPLITS = 12
"""Folders of a level of splits that are each asked about; of more nobody thinks as of splits."""

FRAMES = {
    FrameChoice.FIRST: "the first image of each",
    FrameChoice.ALL: "all of them, each an image of its own",
    FrameChoice.REFUSE: "none: refuse these files",
}
TEXTS = {
    TextChoice.HOLD_BACK: "hold them back: an admin looks through them, and blacks out names",
    TextChoice.LEAVE_OUT: "leave them out",
    TextChoice.TAKE: "take them: I saw that they show nobody's name",
}
SPLITS = {Split.POOL: "pool", Split.TEST: "test"}


def show(access: Access, project_id: int, *, revision: int) -> None:
    """Draw the plan of the project's open look, if there is one; for admins of the project.

    Args:
        revision: number of the project's newest event.
    """
    seen = open_look(access, project_id)
    if seen is not None:
        faults.fragment(lambda: _draw(access, seen, revision), key=f"projects-plan-{seen.id}")


def _draw(access: Access, seen: OpenLook, revision: int) -> None:
    key = f"plan-{seen.id}"
    scan: Scan = once(f"{key}-scan", seen.id, lambda: Scan.load(seen.folder))
    asked = Asked.read(key)
    # as it looks, but for what is left out: what each level is suggested to mean, what is asked
    looks = _plan(
        access, seen, revision, scan, Reading(splits=asked.splits, leave_out=asked.leave_out)
    )
    reading = asked.reading(looks.look.levels)
    plans = [looks]
    wrong = faults.refusal(lambda: plans.append(_plan(access, seen, revision, scan, reading)))
    plan = plans[-1]
    comes = bool(plan.new or plan.look.held_back)
    still = unanswered(looks, plan, asked) if comes or plan.questions else []
    with st.container(border=True, key=f"{key}-panel"):
        title = seen.name if plan.known is None else plan.known.card.title
        st.subheader(f"Import of {plain.markdown(title)}", anchor=False)
        _figures(plan)
        with st.container(gap=None):
            of_dicom = told_of_dicom(plan, is_chosen=plan.kept is None)
            shown = (*told_of_set(plan), *of_dicom, *[*told_of_files(plan)][:1])
            for each in shown:
                st.caption(plain.markdown(each))
        if plan.differs:
            st.caption(plain.markdown(plan.differs))
        for each in still:
            st.warning(plain.markdown(each), icon=":material/help:")
        if plan.lacking:
            st.error(plain.markdown(lacks(plan)), icon=":material/error:")
        _levels(key, looks, plan, plain_ones=False)
        _dicom(key, plan)
        _files(key, plan)
        _groups(key, plan, wrong)
        _details(key, looks, plan)
        with st.container(horizontal=True, vertical_alignment="center"):
            stopped = bool(still or plan.lacking or wrong or not comes or not plan.can_come)
            pressed = st.button(_what(plan), type="primary", key=f"{key}-import", disabled=stopped)
            st.button("Discard", key=f"{key}-discard", on_click=_discard, args=(access, seen.id))
            needs = f"Takes {takes(plan)}." if plan.new and plan.can_come else ""
            st.caption(needs, width="stretch")
    if pressed:
        faults.carry_out(lambda: import_looked_at(access, seen.id, reading))


def _what(plan: ImportPlan) -> str:
    """What the button does."""
    if not plan.new:
        held_back = plan.look.held_back
        return f"Hold back {count(held_back, 'image')}" if held_back else "Nothing new to import"
    what = f"mport {count(plan.new, 'image')}"
    if plan.known is None or plan.is_here or not plan.known.offered:
        return f"I{what}"
    much = f" ({plan.known.download_size})" if plan.known.card.megabytes else ""
    return f"Download{much} and i{what}"


def _discard(access: Access, look_id: int) -> None:
    faults.told(lambda: put_away(access, look_id))


def _figures(plan: ImportPlan) -> None:
    found = plan.look
    out = sum(each.count for each in found.left_out)
    figures = [("Images", found.images)]
    figures += [("Here already", plan.here)] if plan.here else []
    figures += [("Classes", plan.classes)]
    figures += [("No class", plan.without_class)] if plan.without_class else []
    figures += [
        ("Test", found.splits.get(Split.TEST, 0)),
        ("Groups" if plan.dicom is None else "Patients", found.groups),
    ]
    figures += [("Left out", out)] if out else []
    with st.grid(len(figures), min_column_width=CELL):
        for label, value in figures:
            st.metric(label, f"{value:,}")


def _levels(key: str, looks: ImportPlan, plan: ImportPlan, *, plain_ones: bool) -> None:
    """A row a level: what its folders mean, which they are, and why that was suggested.

    Args:
        plain_ones: draw the levels that tell nothing apart, else the others.
    """
    asked = {each.level for each in looks.questions if each.about == "levels"}
    names = list(MEANINGS)
    for number, level in enumerate(plan.look.levels):
        if plain_ones != _tells_nothing(looks, number):
            continue
        chosen, shown = st.columns([1, 2], gap="medium", vertical_alignment="top")
        with chosen:
            st.selectbox(
                f"Folders, level {number + 1}" if len(plan.look.levels) > 1 else "Folders",
                names,
                index=None if number in asked else names.index(level.meaning),
                placeholder="Choose",
                format_func=lambda each: f"are {MEANINGS[each]}" if each else "",
                key=f"{key}-level-{number}",
            )
        with shown, st.container(gap=None):
            st.markdown(plain.markdown(folders(level, FOLDERS_SHOWN)))
            st.caption(plain.markdown(level.why))
            if level.meaning is Meaning.SPLIT:
                _splits(key, plan, level)
            if level.meaning is Meaning.CLASS:
                _unlabelled(key, plan, level)


def _tells_nothing(looks: ImportPlan, number: int) -> bool:
    """Whether a level is one folder that holds everything: nobody need look at it."""
    level = looks.look.levels[number] if number < len(looks.look.levels) else None
    return level is not None and level.meaning is Meaning.NOTHING and len(level.folders) == 1


def _splits(key: str, plan: ImportPlan, level: Level) -> None:
    unclear = {name for each in plan.questions if each.about == "splits" for name in each.folders}
    sides = list(SPLITS)
    with st.container(horizontal=True):
        for name in list(level.folders)[:MOST_SPLITS]:
            known = plan.look.reading.splits.get(name, Split.POOL)
            st.selectbox(
                plain.markdown(name),
                sides,
                index=None if name in unclear else sides.index(known),
                placeholder="pool or test?",
                format_func=lambda each: SPLITS[each],
                key=f"{key}-split-{name}",
                width=130,
            )


def _unlabelled(key: str, plan: ImportPlan, level: Level) -> None:
    names = list(level.folders)
    suggested = [each for each in plan.look.reading.unlabelled or () if each in level.folders]
    st.multiselect(
        "Folders that are no class, whose images are unlabelled",
        names,
        default=suggested,
        key=f"{key}-unlabelled",
        placeholder="none",
    )


def _dicom(key: str, plan: ImportPlan) -> None:
    """What of DICOM files is one thing to label, and what becomes of those that may show text."""
    found, chosen = plan.dicom, plan.look.reading.image_of.thing
    if found is None:
        return
    if plan.kept is None:
        st.radio(
            "One thing to label is",
            list(THINGS),
            index=list(THINGS).index(chosen),
            format_func=lambda each: f"{THINGS[each]} ({found.number(each, takes_text=True):,})",
            key=f"{key}-thing",
        )
        if chosen is Thing.SERIES:
            _slices(key, plan)
    # a study is of several series, which are looked through one by one
    can_hold = chosen not in (Thing.STUDY, Thing.PATIENT)
    if number := found.with_text[chosen]:
        st.radio(
            f"{count(number, 'image')} may show text, such as a name",
            [each for each in TEXTS if each is not TextChoice.HOLD_BACK or can_hold],
            index=None,
            format_func=lambda each: TEXTS[each],
            key=f"{key}-text",
        )


def _slices(key: str, plan: ImportPlan) -> None:
    """Which slices of a series are kept, and what is trained on."""
    chosen = plan.look.reading.image_of
    kept, trained_on = st.columns(2, gap="medium")
    with kept:
        st.radio(
            "Of a series", list(SLICES), format_func=lambda each: SLICES[each], key=f"{key}-slices"
        )
    if chosen.slices is Slices.ONE:
        return
    with trained_on:
        rules = list(RULES)
        st.radio(
            "Networks are trained on",
            rules,
            index=rules.index(chosen.rule),
            format_func=lambda each: RULES[each],
            key=f"{key}-rule",
        )


def _files(key: str, plan: ImportPlan) -> None:
    """What can be left out, and what becomes of files with several images."""
    left_out = plan.look.reading.leave_out or ()
    for kind, names in (("masks", plan.beside.masks), ("copies", plan.beside.augmented)):
        for name in names:
            what = "masks drawn over images" if kind == "masks" else "changed copies of images"
            st.checkbox(
                f"Leave out **{plain.markdown(name)}**: {what}",
                value=name in left_out,
                key=f"{key}-out-{name}",
            )
    several = plan.scan.sample.several
    if several:
        st.radio(
            f"{count(len(several), 'file')} with several images: take",
            list(FRAMES),
            format_func=lambda each: FRAMES[each],
            key=f"{key}-frames",
        )


def _groups(key: str, plan: ImportPlan, wrong: str) -> None:
    if not plan.scan.listing.names:
        return
    st.text_input(
        "Group pattern (optional)",
        key=f"{key}-pattern",
        placeholder=r"(patient\d+)/",
        help="A regular expression on the whole path. Its first bracket is the patient, the scene "
        "or whatever must not be torn apart between training and holdout.",
    )
    if wrong:
        st.caption(f":red[{plain.markdown(wrong)}]")
    elif plan.look.groups:
        examples = [f"{path} → {group}" for path, group in plan.look.group_examples[:3]]
        fits = plan.look.pattern_matches
        of = "" if fits is None else f" The pattern fits {count(fits, 'path')}."
        told = f"{count(plan.look.groups, 'group')}: {'; '.join(examples)}.{of}"
        st.caption(plain.markdown(told))


def _details(key: str, looks: ImportPlan, plan: ImportPlan) -> None:
    found = plan.look
    notes = [*found.warnings, *told_of_files(plan)]
    with st.expander("Details", key=f"{key}-details"):
        st.markdown("\n".join(f"- {plain.markdown(each)}" for each in notes))
        if found.classes:
            listed = [f"{name} ({number:,})" for name, number in found.classes.items()]
            st.markdown(f"**Classes** · {plain.markdown(some(listed, 100))}")
        for each in found.left_out:
            st.markdown(f"**Left out** · {plain.markdown(each.reason)} ({each.count:,})")
            st.caption(plain.markdown(some(each.examples)))
        _levels(key, looks, plan, plain_ones=True)


# -- what is worked out once ---------------------------------------------------------------------


def _plan(
    access: Access, seen: OpenLook, revision: int, scan: Scan, reading: Reading
) -> ImportPlan:
    """Worked out anew when the reading changes: for a hundred thousand files that takes a while."""
    slot = f"plan-{seen.id}-{'read' if reading.levels else 'looks'}"
    about = (seen.id, revision, str(reading.to_json()))
    plan: ImportPlan = once(
        slot, about, lambda: plan_of_scan(access, seen.project_id, scan, reading)
    )
    return plan
