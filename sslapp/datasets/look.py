"""A look at an image source before it is imported: what it holds, what that means, what is asked.

listing = list_source(path)         once: names and sizes
found = look(listing, Reading())    at each change of the reading, at once
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sslapp.datasets.dicom.asking import (
    AGAIN,
    HELD_BACK,
    MAY_SHOW_TEXT,
    OF_TEXT,
    asks_of_text,
    check_reading,
)
from sslapp.datasets.dicom.misnamed import is_of_dicom
from sslapp.datasets.dicom_outline import DicomOutline
from sslapp.datasets.own_exports import own_table
from sslapp.datasets.pictures import copies as copies_of
from sslapp.datasets.pictures.copies import Copies, without_copies
from sslapp.datasets.pictures.described import opened, pictures_listing
from sslapp.datasets.pictures.files import STUDY_SUFFIXES, Placed, ending, natural_order
from sslapp.datasets.pictures.layout import Layout, layout
from sslapp.datasets.pictures.levels import Level, Question
from sslapp.datasets.pictures.listing import Listing
from sslapp.datasets.pictures.reading import AS_SUGGESTED, Meaning, Reading, TextChoice
from sslapp.datasets.pictures.watch import UNWATCHED, Watch
from sslapp.datasets.registry import Secret, open_source, passing_secret
from sslapp.datasets.source import CountedSource, Refusal
from sslapp.vocabulary import ImageOf, Split

PACKED = frozenset({".zip"}) | STUDY_SUFFIXES
"""What files are called that are looked into like folders."""

_EXAMPLES = 10
_OTHER_CLASS = ", which is in another class"


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """What is not taken in for one reason: how many files, and the first of them."""

    reason: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SuggestedReading:
    """How a source would be read if nobody said anything.

    Attributes:
        reading: with everything written out.
        why: a sentence a level.
        questions: what nobody can know but the person.
    """

    reading: Reading
    why: tuple[str, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, kw_only=True)
class SourceLook:
    """What an import would take in.

    Attributes:
        name: how the import is called.
        images, bytes: taken in; bytes are those of their files, 0 where it is no set of files.
        held_back: how many come into the quarantine, by what headers say.
        levels: of folders, the outermost first; none where it has no folders.
        reading: as used, everything that was suggested written out.
        classes: name -> images, in natural order; {} where nothing has a class.
        without_class: images.
        splits: split -> images.
        groups, without_group: different groups; images that are in none.
        group_examples: (path, group) pairs.
        pattern_matches: images whose path the group pattern fits; None where there is none.
        left_out: the most frequent reason first.
        empty: folders without a picture.
        warnings: sentences.
        questions: what must be answered before an import may run.
    """

    name: str
    images: int
    bytes: int
    held_back: int = 0
    levels: list[Level] = field(default_factory=list)
    reading: Reading = AS_SUGGESTED
    classes: dict[str, int]
    without_class: int
    splits: dict[Split, int]
    groups: int = 0
    without_group: int = 0
    group_examples: list[tuple[str, str]] = field(default_factory=list)
    pattern_matches: int | None = None
    left_out: list[LeftOut] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "reading": self.reading.to_json()}


def list_source(
    spec: str | Path,
    within: Sequence[Path] | None = None,
    watch: Watch = UNWATCHED,
    *,
    root: Path | None = None,
    name: str | None = None,
    secret: Secret = passing_secret,
    named: bool = False,
    kept: ImageOf | None = None,
    timed: bool = False,
) -> Listing:
    """Scan a source once.

    Args:
        spec, within, root, name, secret: as for `registry.open_source`.
        watch: who waits: it may stop the scan, and is told how far headers of DICOM files are read.
        named: whether DICOM files that are left out are called by their names, for a look that is
            kept nowhere.
        kept: what the project's images of DICOM files are, where it has some.
        timed: whether a few DICOM files are decoded to see how long one takes.

    Raises:
        pictures.listing.ScanStopped: when the watch says so.
        ValueError: as `registry.open_source`.
    """
    path = Path(spec)
    if (table := own_table(path) if path.exists() else None) is not None and table.rows:
        return listing_of(open_source(str(spec)), str(spec))
    if path.is_dir() or (path.is_file() and ending(path.name) in PACKED):
        listing = pictures_listing(path, name=name, should_stop=watch.should_stop)
        return _dicom_listing(listing, secret, watch, kept, named=named, timed=timed) or listing
    source = open_source(str(spec), root=root, within=within, name=name)
    return listing_of(source, str(spec))


def _dicom_listing(
    listing: Listing,
    secret: Secret,
    watch: Watch,
    kept: ImageOf | None,
    *,
    named: bool,
    timed: bool,
) -> Listing | None:
    """What is kept of a source of DICOM files; None for another."""
    if not is_of_dicom(listing, opened(listing)):
        return None
    from sslapp.datasets.dicom.index import index  # pydicom takes a second to import
    from sslapp.datasets.dicom.source import seconds_of_picture
    from sslapp.datasets.dicom.summary import outlined

    key = secret()
    found = index(listing, opened(listing), key, watch)
    seconds = seconds_of_picture(found, opened(listing), key) if timed else None
    nothing = np.zeros(0, np.int64)
    return Listing(
        path="",
        name=found.title,
        names=[],
        sizes=nothing,
        checksums=nothing,
        refused=found.refused if not named else found.named_refusals(),
        dicom=outlined(found, kept, seconds),
    )


def listing_of(source: CountedSource, path: str) -> Listing:
    """The listing of a source that states split and class of each image itself."""
    nothing = np.zeros(0, np.int64)
    return Listing(
        path=path,
        name=source.name,
        names=[],
        sizes=nothing,
        checksums=nothing,
        refused=list(source.refused),
        shares=source.shares(),
    )


def suggest(listing: Listing) -> SuggestedReading:
    """How the folders of a source would be read if nobody said anything."""
    found = layout(listing)
    return SuggestedReading(
        reading=found.reading,
        why=tuple(level.why for level in found.levels),
        questions=tuple(found.questions),
    )


def same_bytes(
    listing: Listing,
    progress: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Copies:
    """Find files of a listing with the same bytes; see `pictures.copies.same_bytes`."""
    if not listing.names:
        return []
    return copies_of.same_bytes(listing, opened(listing), None, progress, should_stop)


def look(
    listing: Listing, reading: Reading = AS_SUGGESTED, copies: Copies | None = None
) -> SourceLook:
    """What an import read that way would take in; fast, for it reads no file.

    Args:
        copies: as `same_bytes` found them, to be left out as the import does; None does not look.

    Raises:
        pictures.layout.NoGroups: when the group pattern fits no path.
        ValueError: when it is no regular expression, or two levels are said to be classes.
    """
    if listing.shares:
        return _stated(listing)
    if listing.dicom is not None:
        return _of_dicom(listing, listing.dicom, reading)
    found = layout(listing, reading)
    files, again = without_copies(listing, found.files, opened(listing), copies or [])
    classes: Counter[str | None] = Counter()
    groups: Counter[str | None] = Counter()
    splits: Counter[Split] = Counter()
    for each, number in files.counts():
        classes[each.class_name] += number
        groups[each.group] += number
        splits[each.split] += number
    left_out = _left_out([*listing.refused, *found.left_out, *again])
    return SourceLook(
        name=listing.name,
        images=len(files),
        bytes=int(listing.sizes[files.places].sum()),
        levels=found.levels,
        reading=found.reading,
        classes={name: classes[name] for name in natural_order(filter(None, classes))},
        without_class=classes[None],
        splits=dict(sorted(splits.items())),
        groups=len(groups) - (None in groups),
        without_group=groups[None],
        group_examples=_group_examples(files) if groups.keys() - {None} else [],
        pattern_matches=found.pattern_matches,
        left_out=left_out,
        empty=listing.empty,
        warnings=_warnings(listing, found, splits[Split.TEST]),
        questions=found.questions,
    )


def _stated(listing: Listing) -> SourceLook:
    """The look of a source that states split and class of each image itself."""
    classes: Counter[str | None] = Counter()
    splits: Counter[Split] = Counter()
    for share in listing.shares:
        classes[share.class_name] += share.count
        splits[share.split] += share.count
    images = splits.total()
    return SourceLook(
        name=listing.name,
        images=images,
        bytes=0,
        classes={name: classes[name] for name in natural_order(filter(None, classes))},
        without_class=classes[None],
        splits=dict(sorted(splits.items())),
        without_group=images,
        left_out=_left_out(listing.refused),
    )


def _of_dicom(listing: Listing, outline: DicomOutline, reading: Reading) -> SourceLook:
    check_reading(reading)
    thing = reading.image_of.thing
    texts = outline.with_text[thing]
    images = outline.number(thing, takes_text=reading.burned_in is TextChoice.TAKE)
    refused = list(listing.refused)
    held_back = texts * (reading.burned_in is TextChoice.HOLD_BACK)
    if texts and reading.burned_in is not TextChoice.TAKE:
        refused.append(Refusal(OF_TEXT, HELD_BACK if held_back else MAY_SHOW_TEXT, texts))
    return SourceLook(
        name=listing.name,
        images=images,
        held_back=held_back,
        bytes=outline.bytes,
        reading=replace(reading, thing=thing),
        classes={},
        without_class=images,
        splits={Split.POOL: images},
        groups=outline.patients,
        left_out=_left_out(refused),
        warnings=list(outline.notes),
        questions=asks_of_text(outline, thing, reading.burned_in),
    )


def _left_out(refused: Sequence[Refusal]) -> list[LeftOut]:
    counts: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    for each in refused:
        reason = _without_name(each.reason)
        counts[reason] += each.count
        shown = examples.setdefault(reason, [])
        if len(shown) < _EXAMPLES:
            shown.append(each.name)
    return [
        LeftOut(reason=reason, count=count, examples=tuple(examples[reason]))
        for reason, count in counts.most_common()
    ]


def _without_name(reason: str) -> str:
    """The reason of many copies is one, whatever each is a copy of."""
    if reason.startswith(AGAIN):
        return AGAIN
    if not reason.startswith("a copy of "):
        return reason
    if reason.endswith(_OTHER_CLASS):
        return f"a copy of a file{_OTHER_CLASS}"
    return "a copy of another file"


def _group_examples(files: Sequence[Placed]) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for file in files:
        if file.group is not None and file.group not in found:
            found[file.group] = file.name
            if len(found) == _EXAMPLES:
                break
    return [(path, group) for group, path in found.items()]


def _warnings(listing: Listing, found: Layout, test_images: int) -> list[str]:
    said = list(found.beside.said)
    if any(level.meaning is Meaning.SPLIT for level in found.levels):
        tests = [name for name, split in found.reading.splits.items() if split is Split.TEST]
        if tests:
            listed = ", ".join(f'"{name}"' for name in tests)
            said.append(
                f"{test_images:,} images of {listed} are test images: nothing is trained on them."
            )
    alike = _differ_in_capitals(found)
    if alike:
        said.append(f"Classes that differ in capitals only: {', '.join(alike)}. Are they two?")
    if listing.empty:
        listed = ", ".join(f'"{name}"' for name in listing.empty[:_EXAMPLES])
        said.append(f"Folders without a picture are left out: {listed}.")
    return said


def _differ_in_capitals(found: Layout) -> list[str]:
    classes = [
        name for level in found.levels if level.meaning is Meaning.CLASS for name in level.folders
    ]
    counts = Counter(name.casefold() for name in classes)
    return [f'"{name}"' for name in classes if counts[name.casefold()] > 1]
