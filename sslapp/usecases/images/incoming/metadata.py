"""Metadata of a list: which of its columns would come in, and then these, for the images it means.

Names that look like identities stay out unless somebody names them, and so do columns that say what
a class, a patient, a split or a decision is: beside an image that is labelled they would give it
away.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from sslapp import durable
from sslapp.datasets.tables.columns import USUAL, Use, named_column, plain
from sslapp.datasets.tables.label_list import ListReading
from sslapp.datasets.tables.matching import IMAGE_USES, MatchedLines, match_lines
from sslapp.datasets.tables.other_columns import OtherColumns, other_columns
from sslapp.datasets.tables.reading import open_table
from sslapp.datasets.tables.table import ListTable, Source
from sslapp.store import images, label_classes
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.metadata.columns import LONGEST_NAME, columns
from sslapp.store.metadata.values import (
    LONGEST_VALUE,
    Cells,
    import_values,
    kind_of,
    number_in,
    values_of,
)
from sslapp.usecases.access import Access, find_project, require
from sslapp.usecases.images.incoming.patients.identifiers import also_called
from sslapp.usecases.images.incoming.uploads import find_upload, forget
from sslapp.vocabulary import MetadataKind, Role
from sslapp.words import count

_NOT_NAMED = "it was not named."

_MISSING = {"na", "n/a", "#n/a", "nan", "null", "none", "-", "?"}
"""What stands for no value among numbers."""

_IDENTITIES = re.compile(
    r"(?:(?:patient|subject|person|first|last|full|family|given|sur|fore|middle|maiden|birth|"
    r"physician|doctor|referrer|operator|vor|nach|familien|patienten)s?)?names?|"
    r"(?:patient|subject|case|person|study|series|medical|record|insurance|health|national|social|"
    r"accession|instance|sopinstance|studyinstance|seriesinstance)"
    r"(?:record|insurance|security|instance)?(?:ids?|nr|no|num|number|uid|code)?|"
    r"(?:patients?)?(?:dob|mrn|ssn|address|birthdate|birthday|email|mail|phone|telephone|mobile)"
    r"(?:nr|no|number)?|"
    r"(?:date|year)of(?:patients?)?birth|(?:patients?)?birthyear|geburts(?:tag|datum|jahr)|"
    r"(?:e?mail|home|postal|street)(?:address)?|street|stra(?:ss|ß)e|adresse|zipcode|postcode|plz|"
    r"telefon(?:nummer)?|handy|phonenumber|krankenkasse|versicher(?:ung|ungsnummer|tennummer)|"
    r"insurance.*|passport.*|uid"
)
"""Headings, in small letters without spaces, that look as if they told who somebody is."""

_ELSEWHERE = {
    plain(name): use
    for use, groups in USUAL.items()
    if use not in IMAGE_USES
    for names in groups
    for name in names
}


@dataclass(frozen=True)
class PlannedColumn:
    """A column of the list.

    Attributes:
        name: its heading.
        taken: whether it comes in.
        why_not: a sentence, for one that does not.
        kind: what its values would be.
        images: so many get a value,
        replaced: and so many of them have another one now.
        example: one of the values.
    """

    name: str
    taken: bool
    why_not: str
    kind: MetadataKind
    images: int
    replaced: int
    example: str


@dataclass(frozen=True)
class MetadataPlan:
    """What a list would bring.

    Attributes:
        file: what it is called.
        read: how it was read.
        images: of the project, that it means.
        unmatched: lines that mean none.
        why: sentences on the first of these.
        columns: beside those that say which image is meant.
    """

    file: str
    read: str
    images: int
    unmatched: int
    why: tuple[str, ...]
    columns: tuple[PlannedColumn, ...]

    @property
    def taken(self) -> list[PlannedColumn]:
        """The columns that come in."""
        return [each for each in self.columns if each.taken]

    def words(self) -> list[str]:
        """The plan in sentences."""
        said = [f"{self.file} ({self.read}) means {count(self.images, 'image')} of this project."]
        if self.unmatched:
            said.append(f"Without an image here: {count(self.unmatched, 'line')}.")
        said += self.taken_words()
        left = [each for each in self.columns if not each.taken]
        said += [f"{each.name} is left out: {each.why_not}" for each in left]
        return said

    def wanted_words(self) -> list[str]:
        """A sentence on each column that was asked for."""
        left = [each for each in self.columns if not each.taken and each.why_not != _NOT_NAMED]
        return [*self.taken_words(), *(f"{each.name} is left out: {each.why_not}" for each in left)]

    def taken_words(self) -> list[str]:
        """A sentence on each column that comes in."""
        said = []
        for each in self.taken:
            instead = f", {each.replaced:,} of them in place of another" if each.replaced else ""
            values = f"{count(each.images, 'value')}{instead}"
            said.append(f"{each.name}: {each.kind}, {values}, as {each.example[:60]}.")
        return said


def plan_metadata(
    access: Access,
    project: str | int | None,
    source: Source,
    name: str,
    *,
    wanted: Sequence[str] | None = None,
    how: ListReading | None = None,
) -> MetadataPlan:
    """What a list would bring. Nothing is changed.

    Args:
        source: the file, or its content.
        name: what it is called.
        wanted: headings of the columns to take, whatever they look like; None for those that look
            harmless.
        how: it is read: sheet, encoding, image column.

    Raises:
        NotAllowed: when the reader is no admin of the project.
        ValueError: when it cannot be read, or has no such column.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        plan, _ = _plan(conn, access, project_id, source, name, wanted=wanted, how=how)
    return plan


def import_metadata(
    access: Access,
    project: str | int | None,
    source: Source,
    name: str,
    *,
    wanted: Sequence[str] | None = None,
) -> MetadataPlan:
    """Bring in what `plan_metadata` says, all of it or nothing; return what came.

    Raises:
        NotAllowed, ValueError: as there, or when nothing would come.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        return bring_metadata(conn, access, project_id, source, name, wanted=wanted)


def bring_metadata(
    conn: Connection,
    access: Access,
    project_id: int,
    source: Source,
    name: str,
    *,
    wanted: Sequence[str] | None,
    how: ListReading | None = None,
) -> MetadataPlan:
    """The same in an open write transaction.

    Args:
        how: as for `plan_metadata`.
    """
    require(conn, access, project_id, Role.ADMIN)
    plan, cells = _plan(conn, access, project_id, source, name, wanted=wanted, how=how)
    if not plan.taken:
        raise Refused(f"Nothing of {name} would come in. {' '.join(plan.words()[1:])}".strip())
    found = {each.name: cells[each.name] for each in plan.taken}
    import_values(conn, project_id, access.reader_id, found, file=name, sha256=_sha256(source))
    return plan


def plan_sent_metadata(
    access: Access, project_id: int, upload: str, wanted: Sequence[str] | None = None
) -> MetadataPlan:
    """`plan_metadata` of a list that a browser sent, by the upload's id."""
    made, path = find_upload(access, upload)
    return plan_metadata(access, project_id, path, made.name, wanted=wanted)


def import_sent_metadata(
    access: Access, project_id: int, upload: str, wanted: Sequence[str] | None = None
) -> MetadataPlan:
    """`import_metadata` of a list that a browser sent; the upload is forgotten."""
    made, path = find_upload(access, upload)
    plan = import_metadata(access, project_id, path, made.name, wanted=wanted)
    forget(access.workspace, upload)
    return plan


def looks_like_identity(heading: str) -> bool:
    """Whether a heading looks as if its column told who somebody is."""
    return _IDENTITIES.fullmatch(re.sub(r"[^a-zäöüß]+", "", plain(heading))) is not None


def _plan(
    conn: Connection,
    access: Access,
    project_id: int,
    source: Source,
    name: str,
    *,
    wanted: Sequence[str] | None,
    how: ListReading | None,
) -> tuple[MetadataPlan, dict[str, Cells]]:
    how = how or ListReading()
    table = open_table(source, name, sheet=how.sheet, encoding=how.encoding)
    names, hashes = images.names_and_hashes(conn, project_id)
    chosen = {Use.IMAGE: how.image_column} if how.image_column else {}
    also = also_called(conn, access.workspace, project_id, names)
    matched = match_lines(table, names=names, hashes=hashes, chosen=chosen, also=also)
    found = other_columns(table, matched.positions, without=matched.used)
    asked = _asked(table, matched, wanted)
    labels = {plain(each.name) for each in label_classes.classes(conn, project_id, retired=True)}
    held = {each.name.casefold(): values_of(conn, each.id) for each in columns(conn, project_id)}
    planned: list[PlannedColumn] = []
    kept: dict[str, Cells] = {}
    for heading, cells in _cells(found):
        why = _why_not(heading, cells, asked, labels, {each.name.casefold() for each in planned})
        there = held.get(heading.casefold(), {})
        replaced = sum(there.get(at, value) != value for at, value in cells.items())
        example = next(iter(cells.values()), "")
        kind = kind_of(cells.values())
        planned.append(PlannedColumn(heading, not why, why, kind, len(cells), replaced, example))
        if not why:
            kept[heading] = cells
    plan = MetadataPlan(
        file=name,
        read=table.words(),
        images=len(matched.positions),
        unmatched=matched.unmatched,
        why=tuple(matched.why),
        columns=tuple(planned),
    )
    return plan, kept


def _asked(
    table: ListTable, matched: MatchedLines, wanted: Sequence[str] | None
) -> set[str] | None:
    """The headings of the columns that are wanted, as the list writes them."""
    if wanted is None:
        return None
    places = [named_column(table, each) for each in wanted]
    for at in places:
        if at in matched.used:
            raise Refused(
                f"The column {table.headings[at]} says which image is meant. Name another one."
            )
    return {table.headings[at].strip() for at in places}


def _cells(found: OtherColumns) -> list[tuple[str, dict[int, str]]]:
    """Each column's heading and its cells, without those that say nothing."""
    positions = found.positions.tolist()
    result = []
    for heading, column in zip(found.names, found.text, strict=True):
        values = [_clean(each) for each in column]
        said = [each for each in values if each and each.casefold() not in _MISSING]
        of_numbers = bool(said) and kind_of(said) is MetadataKind.NUMBER
        cells = {
            at: value
            for at, value in zip(positions, values, strict=True)
            if value and not (of_numbers and number_in(value) is None)
        }
        result.append((heading, cells))
    return result


def _clean(cell: str) -> str:
    return unicodedata.normalize("NFC", cell).replace("\0", "\ufffd").strip()


def _why_not(
    heading: str,
    cells: Mapping[int, str],
    asked: set[str] | None,
    labels: set[str],
    before: set[str],
) -> str:
    """Why a column stays out, a sentence; "" for one that comes in."""
    if asked is not None and heading not in asked:
        return _NOT_NAMED
    unfit = {
        "it is empty for these images.": not cells,
        "another column has this name. Rename one of them.": heading.casefold() in before,
        f"its name has more than {LONGEST_NAME} characters.": len(heading) > LONGEST_NAME,
        f"one of its values has more than {LONGEST_VALUE:,} characters.": any(
            len(each) > LONGEST_VALUE for each in cells.values()
        ),
    }
    wrong = next((why for why, holds in unfit.items() if holds), "")
    return wrong if wrong or asked else _told(heading, labels)


def _told(heading: str, labels: set[str]) -> str:
    """What a column seems to say that is not to stand beside an image; "" for any other."""
    use = _ELSEWHERE.get(plain(heading))
    if use is Use.CLASS or plain(heading) in labels:
        return "it seems to say the class."
    if use is Use.GROUP or looks_like_identity(heading):
        return "it may tell who somebody is. Name it if it must come in."
    return "" if use is None else f"it seems to say the {use}."


def _sha256(source: Source) -> str:
    if isinstance(source, Path):
        return durable.sha256(source)
    return hashlib.sha256(source).hexdigest()
