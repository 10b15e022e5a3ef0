"""From the paths of pictures to classes, groups and splits: as a person says, or as it looks.

cat/1.png, dog/old/2.png          folders side by side are classes: cat and dog
train/cat/1.png, test/dog/2.png   the same, with the test images kept apart
train/patient7/study1/3.png       patients are groups, never classes
photos/4.png                      a folder that holds everything says nothing
"""

import re
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import translate

from sslapp.datasets.pictures import folder_names as names_of
from sslapp.datasets.pictures.beside import Beside, found_beside
from sslapp.datasets.pictures.files import LONGEST_GROUP, compiled, natural_order
from sslapp.datasets.pictures.levels import Level, Question, aligned, suggested
from sslapp.datasets.pictures.listing import Listed, Listing
from sslapp.datasets.pictures.placed_files import Belonging, PlacedFiles
from sslapp.datasets.pictures.reading import AS_SUGGESTED, Meaning, Reading
from sslapp.datasets.source import Refusal
from sslapp.datasets.tables.table import ListError
from sslapp.vocabulary import Split

_NOTHING_SAID = Listed(where="")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A source of pictures, read.

    Attributes:
        levels: of folders, the outermost first.
        files: where each picture that is kept belongs, in natural order.
        left_out: what is not taken in because of the reading, and why.
        reading: with everything that was suggested written out.
        questions: what must be answered before an import may run.
        beside: masks and copies that were met.
        pattern_matches: how many paths the group pattern fits; None where there is none.
    """

    levels: list[Level]
    files: PlacedFiles
    left_out: list[Refusal]
    reading: Reading
    questions: list[Question]
    beside: Beside
    pattern_matches: int | None


class NoGroups(ValueError):
    """A group pattern that fits no path."""


def layout(listing: Listing, reading: Reading = AS_SUGGESTED) -> Layout:
    """Read the paths of a listing.

    Raises:
        NoGroups: when the group pattern fits no path.
        ValueError: when it is no regular expression, or two levels are said to be classes.
    """
    pattern = compiled(reading.group_pattern)
    beside = found_beside(listing.names)
    leave_out = beside.suggested if reading.leave_out is None else reading.leave_out
    kept, left_out = _split_off(listing.names, leave_out)
    counts = Counter(listing.names[place].rpartition("/")[0] for place in kept)
    parts, depth = aligned(list(counts), listing.name)
    levels, questions = _levels(counts, parts, reading)
    given = reading.levels is not None
    unlabelled = reading.unlabelled
    if unlabelled is None:
        unlabelled = tuple(
            name
            for level in levels
            if level.meaning is Meaning.CLASS
            for name in level.folders
            if names_of.is_unlabelled(name)
        )
    meanings = tuple(level.meaning for level in levels)
    splits = {
        name: _split(name, reading)
        for level in levels
        if level.meaning is Meaning.SPLIT
        for name in level.folders
    }
    full = Reading(
        levels=meanings,
        splits=splits,
        unlabelled=unlabelled,
        leave_out=tuple(leave_out),
        group_pattern=reading.group_pattern,
        frames=reading.frames,
    )
    if given:
        questions = [each for each in questions if each.about == "splits"]
    told = _told(parts, full, _wrapped(meanings, depth))
    files, fits = _placed(listing.names, kept, told, pattern, left_out)
    if listing.told:
        doubt = _contradiction(files, listing, meanings)
        if doubt is not None and given:
            raise ListError(f"{doubt.text} Say that the folders mean something else.")
        questions += [] if doubt is None else [doubt]
        files = _as_listed(files, listing)
    return Layout(
        levels=levels,
        files=files,
        left_out=left_out,
        reading=full,
        questions=questions,
        beside=beside,
        pattern_matches=None if pattern is None else fits,
    )


def _split_off(
    names: Sequence[str], leave_out: Sequence[str]
) -> tuple[Sequence[int], list[Refusal]]:
    """Places of the names that are kept, and the others with what left them out."""
    folders = {each.lower(): each for each in leave_out if "*" not in each}
    globs = [(each, re.compile(translate(each.lower()))) for each in leave_out if "*" in each]
    if not leave_out:
        return range(len(names)), []
    by_parent: dict[str, str | None] = {}
    kept, refused = array("I"), []
    for place, name in enumerate(names):
        parent, _, file = name.rpartition("/")
        if parent not in by_parent:
            parts = parent.lower().split("/")
            by_parent[parent] = next((folders[part] for part in parts if part in folders), None)
        why = by_parent[parent]
        if why is None:
            why = next((glob for glob, fits in globs if fits.match(file.lower())), None)
            reason = f"called {why}, which is left out"
        else:
            reason = f"in a folder {why}, which is left out"
        if why is None:
            kept.append(place)
        else:
            refused.append(Refusal(name, reason))
    return kept, refused


def _levels(
    counts: Counter[str], parts: dict[str, tuple[str, ...]], reading: Reading
) -> tuple[list[Level], list[Question]]:
    number = max(map(len, parts.values()), default=0)
    found: list[Counter[str]] = [Counter() for _ in range(number)]
    for parent, count in counts.items():
        for level, part in enumerate(parts[parent]):
            if part:
                found[level][part] += count
    given = reading.levels
    if given is not None and given.count(Meaning.CLASS) > 1:
        raise ValueError(
            "Two levels of folders are said to be classes. An image has one class: choose one "
            "level."
        )
    levels: list[Level] = []
    questions: list[Question] = []
    for level, each in enumerate(found):
        folders = {name: each[name] for name in natural_order(each)}
        before = [known.meaning for known in levels]
        meaning, why, question = suggested(level, folders, before, reading.splits)
        if given is not None:
            meaning = given[level] if level < len(given) else Meaning.NOTHING
            question = (
                _unknown_splits(level, folders, reading) if meaning is Meaning.SPLIT else None
            )
        if question is not None:
            questions.append(question)
        levels.append(Level(meaning=meaning, folders=folders, why=why))
    return levels, questions


def _unknown_splits(level: int, folders: dict[str, int], reading: Reading) -> Question | None:
    unclear = [name for name in folders if names_of.split_of(name, reading.splits) is None]
    if not unclear:
        return None
    listed = ", ".join(f'"{name}"' for name in unclear[:4])
    text = f"{listed}: do these images go to the pool, or are they test images?"
    return Question(level=level, about="splits", folders=tuple(unclear), text=text)


def _split(name: str, reading: Reading) -> Split:
    """The split of a folder; what is in doubt is shown where it does no harm."""
    known = names_of.split_of(name, reading.splits)
    if known is not None:
        return known
    return Split.TEST if names_of.is_test_like(name) else Split.POOL


def _wrapped(meanings: Sequence[Meaning], depth: int) -> int:
    """How many folders around everything are left out of the images' names."""
    count = 0
    while count < depth and meanings[count] is Meaning.NOTHING:
        count += 1
    return count


def _placed(
    names: Sequence[str],
    kept: Sequence[int],
    told: dict[str, Belonging],
    pattern: re.Pattern[str] | None,
    left_out: list[Refusal],
) -> tuple[PlacedFiles, int]:
    """Where the kept ones belong, by their folder and the group pattern; how many that fits."""
    fits = 0
    files = PlacedFiles(names)
    for place in kept:
        name = names[place]
        belongs = told[name.rpartition("/")[0]]
        match = pattern.search(name) if pattern else None
        if match is not None:
            own = next(filter(None, match.groups()), None) if match.re.groups else match[0] or None
            fits += own is not None
            belongs = replace(belongs, group=own or belongs.group)
        if belongs.group is not None and len(belongs.group) > LONGEST_GROUP:
            left_out.append(Refusal(name, f"its group has more than {LONGEST_GROUP} letters"))
            continue
        files.append(place, belongs)
    if pattern is not None and kept and not fits:
        some = [names[place] for place in kept[:: max(1, len(kept) // 3)][:3]]
        raise NoGroups(
            f'The group pattern "{pattern.pattern}" fits none of the {len(kept):,} paths, such as '
            f"{', '.join(some)}. It is searched in the whole path: correct it, or leave it out."
        )
    return files, fits


def _contradiction(
    files: PlacedFiles, listing: Listing, meanings: Sequence[Meaning]
) -> Question | None:
    """The first file that a list among the pictures gives another class than its folder."""
    for file in files:
        said = listing.told.get(file.name)
        if said is None or said.class_name is None or file.class_name is None:
            continue
        if said.class_name != file.class_name:
            text = (
                f'{said.where} says "{said.class_name[:80]}" of {file.name}, and its folder '
                f'"{file.class_name}": what does this level of folders mean?'
            )
            level = list(meanings).index(Meaning.CLASS)
            return Question(level=level, about="levels", folders=(file.class_name,), text=text)
    return None


def _as_listed(files: PlacedFiles, listing: Listing) -> PlacedFiles:
    """Files with what a list among them says of them, which counts more than their folders."""
    found = PlacedFiles(listing.names)
    for place, belongs in zip(files.places.tolist(), files.belongings(), strict=True):
        said = listing.told.get(listing.names[place], _NOTHING_SAID)
        both = replace(
            belongs,
            class_name=said.class_name or belongs.class_name,
            split=said.split or belongs.split,
            group=said.group or belongs.group,
        )
        found.append(place, both)
    return found


def _told(
    parts: dict[str, tuple[str, ...]], reading: Reading, wrapped: int
) -> dict[str, Belonging]:
    """What each folder says of its images.

    Args:
        wrapped: how many folders around everything are left out of the images' names.
    """
    found = {}
    for parent, own in parts.items():
        split, class_name, group = _said(own, reading)
        cut = sum(len(part) + 1 for part in parent.split("/")[:wrapped])
        found[parent] = Belonging(split, class_name, group, cut)
    return found


def _said(parts: tuple[str, ...], reading: Reading) -> tuple[Split, str | None, str | None]:
    """What a folder says of its images: split, class, group."""
    split, class_name, groups = Split.POOL, None, []
    for part, meaning in zip(parts, reading.levels or (), strict=False):
        if not part:
            continue
        if meaning is Meaning.SPLIT and reading.splits[part] is Split.TEST:
            split = Split.TEST
        elif meaning is Meaning.CLASS and part not in (reading.unlabelled or ()):
            class_name = part
        elif meaning is Meaning.GROUP:
            groups.append(part)
    return split, class_name, "/".join(groups) or None
