"""The plan of an import in words, for pages and the command line."""

from collections.abc import Iterator, Mapping, Sequence

from sslapp.datasets.pictures.levels import Level
from sslapp.datasets.pictures.reading import Meaning
from sslapp.usecases.images.incoming.plan import ImportPlan
from sslapp.vocabulary import ImageOf, Slices, Split, StackRule, Thing
from sslapp.words import count, roughly, size

SHOWN = 6
"""Of a list in words."""


def in_words(plan: ImportPlan) -> list[str]:
    """The plan line by line: the counts first, then what is asked, then the rest."""
    found = plan.look
    lines = [f"{found.name}: {', '.join(counts(plan))}.", *told_of_set(plan)]
    lines += [*told_of_dicom(plan)]
    lines += [f"Question: {each.text}" for each in plan.questions]
    lines += [lacks(plan)] if plan.lacking else []
    lines += [_level(number, each) for number, each in enumerate(found.levels, start=1)]
    lines += [f"Note: {each}" for each in (*found.warnings, *told_of_files(plan))]
    lines += [
        f"Left out: {each.reason} ({each.count:,}): {some(each.examples)}"
        for each in found.left_out
    ]
    if found.group_examples:
        shown = [f"{path} -> {group}" for path, group in found.group_examples[:3]]
        lines.append(f"Groups: {count(found.groups, 'group')}, as in {'; '.join(shown)}.")
    if plan.can_come:
        lines.append(f"Takes {takes(plan)}." if plan.new else "Nothing new to import.")
    return lines


def counts(plan: ImportPlan) -> list[str]:
    """The figures that a person wants first."""
    found = plan.look
    parts = [count(found.images, "image")]
    if plan.here:
        parts.append(f"{plan.here:,} of them here already")
    if plan.classes:
        parts.append(f"{plan.classes:,} {'class' if plan.classes == 1 else 'classes'}")
    if plan.classes and plan.without_class:
        parts.append(f"{plan.without_class:,} without a class")
    if tests := found.splits.get(Split.TEST, 0):
        parts.append(f"{tests:,} test")
    if found.groups:
        parts.append(count(found.groups, "group" if plan.dicom is None else "patient"))
    if out := sum(each.count for each in found.left_out):
        parts.append(f"{out:,} left out")
    return parts


def told_of_files(plan: ImportPlan) -> Iterator[str]:
    """Sizes and kinds, files of several images, what cannot be read, what differs."""
    headers = plan.scan.sample
    if headers.sizes:
        of = "" if headers.looked == headers.images else f" (of {headers.looked:,} looked at)"
        parts = [pixels(plan), some([*headers.kinds]), some([*headers.formats])]
        yield f"{'; '.join(filter(None, parts))}{of}."
    if headers.several:
        held = [f"{name} ({number:,})" for name, number in headers.several]
        yield f"{count(len(held), 'file')} with several images: {some(held)}."
    if headers.unreadable:
        why = [f"{name}: {reason}" for name, reason in headers.unreadable]
        yield f"{count(len(why), 'file')} cannot be read: {some(why)}."
    if plan.differs:
        yield plan.differs


THINGS: Mapping[Thing, str] = {
    Thing.INSTANCE: "each file; of one with several frames the middle one is seen",
    Thing.FRAME: "each frame of each file",
    Thing.SERIES: "each series",
    Thing.STUDY: "each study, its pictures side by side; of a stack of slices the middle one",
    Thing.PATIENT: "each patient, the pictures of all studies side by side",
}
"""What one thing to label is, in words."""

SLICES: Mapping[Slices, str] = {
    Slices.ONE: "its middle slice is seen",
    Slices.THREE: "three slices are seen one after another",
    Slices.ALL: "all slices are seen one after another",
}
"""What is kept of a series, in words."""

RULES: Mapping[StackRule, str] = {
    StackRule.MIDDLE: "the middle slice",
    StackRule.THREE: "slices at a quarter, half and three quarters as three channels",
    StackRule.MAXIMUM: "the brightest of all slices in each place",
}
"""What is trained on of several slices, in words."""


def told_of_dicom(plan: ImportPlan, *, is_chosen: bool = False) -> Iterator[str]:
    """What lies in DICOM files, what an image is, and what is taken of them.

    Args:
        is_chosen: whether what an image is can be seen where it is chosen.
    """
    found = plan.dicom
    if found is None:
        return
    held = [
        count(found.patients, "patient"),
        f"{found.studies:,} {'study' if found.studies == 1 else 'studies'}",
        f"{found.series:,} series",
        count(found.instances, "file"),
    ]
    several = f", {found.several:,} of them with several frames" if found.several else ""
    yield f"{', '.join(held)}{several}. Patients are groups."
    if not is_chosen:
        yield f"An image is {_image_of(plan.look.reading.image_of)}."
    yield (
        "Files are de-identified as they come: no name, number, date or text of theirs is kept, "
        "nor what files and folders are called."
    )


def _image_of(chosen: ImageOf) -> str:
    """What an image is, of a series with its slices."""
    if chosen.thing is not Thing.SERIES:
        return THINGS[chosen.thing]
    rule = "" if chosen.slices is Slices.ONE else f", and trained on is {RULES[chosen.rule]}"
    return f"{THINGS[chosen.thing]}; {SLICES[chosen.slices]}{rule}"


def told_of_set(plan: ImportPlan) -> Iterator[str]:
    """Licence of a set with a name and where it lies; what is not known before it is here."""
    if plan.known is None:
        return
    where = "It is here." if plan.is_here and not plan.known.there else plan.known.whereabouts()
    yield f"Licence: {plan.known.card.licence}. {where}"
    if not plan.is_here:
        yield (
            "All this is its authors' account. Names of classes are known once it is here: where "
            "the project has classes and lacks one of them, nothing is imported."
        )


def lacks(plan: ImportPlan) -> str:
    """What is to be done where the source has classes that the project has not."""
    what = "no class" if len(plan.lacking) == 1 else "no classes"
    folders = ", say that these folders mean something else," if plan.look.levels else ""
    return (
        f"The project has {what} {some(plan.lacking)}. Add them to it{folders} or import into a "
        "new project."
    )


def pixels(plan: ImportPlan) -> str:
    """ "512 x 512 pixels", or from where to where they go."""
    headers = plan.scan.sample
    if headers.smallest is None or headers.largest is None:
        return "no size known"
    small, large = (f"{width} x {height}" for width, height in (headers.smallest, headers.largest))
    return f"{small} pixels" if small == large else f"{small} to {large} pixels"


def takes(plan: ImportPlan) -> str:
    """Time and disk."""
    disk = f"about {size(plan.bytes)} of disk"
    return disk if plan.seconds is None else f"{roughly(plan.seconds)} and {disk}"


def some(names: Sequence[str], most: int = SHOWN) -> str:
    """ "a, b, c and 7 more"."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


MEANINGS: Mapping[Meaning, str] = {
    Meaning.CLASS: "classes",
    Meaning.GROUP: "patients or groups",
    Meaning.SPLIT: "splits",
    Meaning.NOTHING: "nothing",
}
"""What a level of folders means, in words."""


def folders(level: Level, most: int = SHOWN) -> str:
    """A level's folders with how many images lie below each."""
    return some([f"{name} ({number:,})" for name, number in level.folders.items()], most)


def _level(number: int, level: Level) -> str:
    return f"Folders, level {number}: {MEANINGS[level.meaning]}. {folders(level)}.\n  {level.why}"
