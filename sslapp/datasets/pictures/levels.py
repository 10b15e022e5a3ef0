"""What each level of folders may mean, with the reason that a person can judge it by."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sslapp.datasets.pictures import folder_names as names_of
from sslapp.datasets.pictures.files import SPLITS
from sslapp.datasets.pictures.reading import Meaning
from sslapp.vocabulary import Split

MOST = 0.8
"""Share of a level's folders that must be called alike to be taken for patients."""

_LOOKED_AT = 500


@dataclass(frozen=True, kw_only=True)
class Level:
    """A level of folders.

    Attributes:
        meaning: as confirmed, or as suggested.
        folders: name -> images below it, in natural order.
        why: one sentence on why that was suggested.
    """

    meaning: Meaning
    folders: dict[str, int]
    why: str


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a person must say before an import may run.

    Attributes:
        level: of folders, from 0; None for the whole source.
        about: the field of Reading that answers it: "levels" or "splits".
        folders: those in doubt.
        text: one sentence.
    """

    level: int | None
    about: str
    folders: tuple[str, ...]
    text: str


def aligned(parents: Sequence[str], source_name: str) -> tuple[dict[str, tuple[str, ...]], int]:
    """(folder -> its parts by level, how many levels hold everything).

    A set that was packed with a copy of itself inside, and splits at different depths, come to
    lie at the same level; a level that a folder lacks is "".
    """
    parts = {parent: tuple(parent.split("/")) if parent else () for parent in parents}
    depth = _common(parts.values())
    first = next(iter(parts.values()), ())
    wrapper = first[depth - 1] if depth else source_name
    for parent, found in parts.items():
        inner = found[depth : depth + 1]
        if inner == (wrapper,) and len(found) > depth + 1:
            parts[parent] = found[:depth] + found[depth + 1 :]
    at = {
        parent: next((i for i, part in enumerate(found) if part.lower() in SPLITS), None)
        for parent, found in parts.items()
    }
    deepest = max((each for each in at.values() if each is not None), default=0)
    for parent, place in at.items():
        if place is not None and place < deepest:
            found = parts[parent]
            parts[parent] = found[:depth] + ("",) * (deepest - place) + found[depth:]
    return parts, depth


def _common(parts: Iterable[tuple[str, ...]]) -> int:
    """How many folders all paths begin with."""
    listed = list(parts)
    if not listed:
        return 0
    first, last = min(listed), max(listed)
    depth = 0
    while depth < min(len(first), len(last)) and first[depth] == last[depth]:
        depth += 1
    return depth


def suggested(  # noqa: PLR0911
    level: int, counts: Mapping[str, int], before: Sequence[Meaning], splits: Mapping[str, Split]
) -> tuple[Meaning, str, Question | None]:
    """What a level may mean, why, and what is to be asked about it.

    Args:
        counts: folder -> images below it.
        before: what the levels above mean.
        splits: folders that a person called a split.
    """
    whole, counts = counts, _looked_at(counts, splits)
    shown = _some(whole)
    if any(names_of.is_split_like(name) or name in splits for name in counts):
        return _splits(level, counts, splits)
    if len(counts) == 1 and not names_of.is_patient(next(iter(counts))):
        return Meaning.NOTHING, f"{shown} holds everything else, so it tells nothing apart.", None
    if all(names_of.is_plain(name) or names_of.is_mask(name) for name in counts) and any(
        names_of.is_plain(name) for name in counts
    ):
        return Meaning.NOTHING, f"{shown}: such names only say that images are inside.", None
    if any(names_of.is_augmented(name) for name in counts) and all(
        names_of.is_augmented(name) or "original" in name.lower() or names_of.is_plain(name)
        for name in counts
    ):
        return Meaning.NOTHING, f"{shown}: images and changed copies of them.", None
    if (found := _groups(counts, whole, before)) is not None:
        return found[0], found[1], None
    if Meaning.CLASS in before:
        return Meaning.NOTHING, f"{shown}: folders inside the classes.", None
    return _classes(level, counts, whole, before)


def _looked_at(counts: Mapping[str, int], splits: Mapping[str, Split]) -> Mapping[str, int]:
    """Enough of many folders to tell what they are, with all that are called as splits are."""
    if len(counts) <= _LOOKED_AT:
        return counts
    step = len(counts) // _LOOKED_AT
    return {
        name: count
        for place, (name, count) in enumerate(counts.items())
        if place % step == 0 or name.lower() in SPLITS or name in splits
    }


def _splits(
    level: int, counts: Mapping[str, int], splits: Mapping[str, Split]
) -> tuple[Meaning, str, Question | None]:
    unclear = [name for name in counts if names_of.split_of(name, splits) is None]
    shown = _some(counts)
    if not unclear:
        return Meaning.SPLIT, f"{shown}: usual names of splits.", None
    if all(names_of.is_split_like(name) for name in counts):
        text = (
            f"{_some(unclear)} may be a split of its own: do these images go to the pool, or are "
            "they test images?"
        )
        question = Question(level=level, about="splits", folders=tuple(unclear), text=text)
        return Meaning.SPLIT, f"{shown} look like splits.", question
    like = [name for name in counts if names_of.is_split_like(name)]
    text = (
        f"{_some(like)} may be splits (train, test), but beside them lie "
        f"{_some(_without(counts, like))}: what does this level of folders mean?"
    )
    question = Question(level=level, about="levels", folders=tuple(counts), text=text)
    return Meaning.CLASS, f"{shown} lie side by side.", question


def _groups(
    counts: Mapping[str, int], whole: Mapping[str, int], before: Sequence[Meaning]
) -> tuple[Meaning, str] | None:
    shown = _some(whole)
    has_groups = Meaning.GROUP in before
    enough = MOST * len(counts)
    if sum(map(names_of.is_patient, counts)) >= enough:
        if has_groups:
            return Meaning.NOTHING, f"{shown}: folders inside the groups."
        return Meaning.GROUP, f"{shown} are named as patients or scenes are."
    if sum(map(names_of.is_within_patient, counts)) >= enough:
        if has_groups:
            return Meaning.NOTHING, f"{shown}: studies, series or visits inside the groups."
        return Meaning.GROUP, f"{shown} are named as studies or visits are."
    numbered = names_of.numbered(counts) and not all(map(names_of.is_class_number, counts))
    if has_groups or not numbered or not names_of.are_many_with_few(whole):
        return None
    return Meaning.GROUP, f"{len(whole):,} numbered folders with few images each, as of patients."


def _classes(
    level: int, counts: Mapping[str, int], whole: Mapping[str, int], before: Sequence[Meaning]
) -> tuple[Meaning, str, Question | None]:
    shown = _some(whole)

    def ask(text: str) -> Question:
        return Question(level=level, about="levels", folders=tuple(counts), text=text)

    if Meaning.GROUP not in before and all(map(names_of.is_class_number, counts)):
        return Meaning.CLASS, f"{shown} are named as classes are.", None
    if names_of.numbered(counts) and not _counts_up(whole):
        why = f"{shown} are numbers as of patients; class numbers count up from 0 or 1."
        return Meaning.GROUP, why, ask(f"Are {shown} patients (groups) or classes?")
    if names_of.are_many_with_few(whole):
        why = f"{len(whole):,} folders with few images each, as of patients or persons."
        return Meaning.GROUP, why, ask(f"Are {shown} patients (groups) or classes?")
    if Meaning.GROUP in before:
        why = f"{shown} lie inside the groups."
        return Meaning.CLASS, why, ask(f"Are {shown} classes, or do they mean nothing?")
    return Meaning.CLASS, f"{shown}: folders side by side, as of classes.", None


def _counts_up(counts: Mapping[str, int]) -> bool:
    return all(name.isdecimal() for name in counts) and names_of.counts_up(counts)


def _without(counts: Mapping[str, int], some: Sequence[str]) -> list[str]:
    return [name for name in counts if name not in some]


def _some(names: Sequence[str] | Mapping[str, int], most: int = 4) -> str:
    """ "a, b, c, d and 7 more"."""
    listed = list(names)
    more = f" and {len(listed) - most:,} more" if len(listed) > most else ""
    return ", ".join(f'"{name}"' for name in listed[:most]) + more
