"""Which column of a list is for what: by its usual names, or as it was chosen."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from enum import StrEnum

from sslapp.datasets.tables.table import ListError, ListTable


class Use(StrEnum):
    """What a column is for."""

    IMAGE = "image"
    SHA256 = "sha256"
    POSITION = "position"
    CLASS = "class"
    PREDICTION = "prediction"
    GROUP = "group"
    SPLIT = "split"
    READER = "reader"
    CONFIDENCE = "confidence"


USUAL: Mapping[Use, Sequence[Sequence[str]]] = {
    Use.IMAGE: (
        (
            *("path", "file_path", "image_path", "img_path", "file_name", "image_file_name"),
            *("image", "image_id", "image_index", "image_name", "image_file", "img", "img_id"),
            *("img_name", "isic_id", "picture", "photo"),
        ),
        ("name",),
        ("file",),
        ("id",),
    ),
    Use.SHA256: (("sha256",),),
    Use.POSITION: (("position",),),
    Use.CLASS: (
        (
            *("class", "class_name", "label", "label_name", "labels", "diagnosis", "dx"),
            *("finding", "findings", "finding_labels", "target", "category"),
        ),
    ),
    Use.PREDICTION: (
        ("prediction", "predicted", "predicted_class", "predicted_label", "pred", "pred_class"),
    ),
    Use.GROUP: (("group", "group_id", "patient", "patient_id", "subject", "subject_id"),),
    Use.SPLIT: (("split", "subset", "partition"),),
    Use.READER: (("reader", "annotator", "rater"),),
    Use.CONFIDENCE: (("confidence", "conf", "probability", "prob"),),
}
"""What a column is for -> its usual names in the order in which they count: those of one group are
equally likely, so that two of them are asked about. Case, spaces, - and _ make no difference.
"""

OPTIONS: Mapping[Use, str] = {
    Use.IMAGE: "--image-column",
    Use.CLASS: "--class-column",
    Use.CONFIDENCE: "--confidence-column",
}
"""What chooses a column of a list of labels: options of `sslapp label`; its page asks, too."""


def find_columns(
    table: ListTable,
    uses: Sequence[Use],
    chosen: Mapping[Use, str] | None = None,
    options: Mapping[Use, str] | None = None,
) -> dict[Use, int]:
    """The index of the column for each use that there is a column for.

    Args:
        table: the list.
        uses: what is looked for.
        chosen: headings that a person said.
        options: what a person can choose a column by, for errors; None where nothing does.

    Raises:
        ListError: when a chosen heading is not there, or two columns may be meant.
    """
    found: dict[Use, int] = {}
    for use in uses:
        said = (chosen or {}).get(use)
        index = (
            _usual(table, use, (options or {}).get(use))
            if said is None
            else named_column(table, said)
        )
        if index is not None:
            found[use] = index
    twice = [use for use in found if [*found.values()].count(found[use]) > 1]
    if twice:
        raise wrong_headings(table, f"One column cannot be the {' and the '.join(twice)} at once.")
    return found


def named_column(table: ListTable, heading: str) -> int:
    """The index of the column of this heading.

    Raises:
        ListError: when there is none or more than one.
    """
    for same in (str, plain):
        at = [index for index, each in enumerate(table.headings) if same(each) == same(heading)]
        if len(at) == 1:
            return at[0]
        if at:
            raise wrong_headings(table, f'{len(at)} are called "{heading}". Rename one of them.')
    raise wrong_headings(table, f'None of them is "{heading}". Choose one of them.')


def wrong_headings(table: ListTable, why: str) -> ListError:
    """The error for headings that do not tell what is needed."""
    where = f" {table.unit} {table.heading_line}" if table.heading_line else ""
    shown = ", ".join(table.headings)[:300] or "missing"
    return ListError(f"{table.name}{where}: the headings are {shown}. {why}")


def plain(heading: str) -> str:
    """A heading without what people write differently."""
    return re.sub(r"[\s_-]+", "", unicodedata.normalize("NFC", heading)).casefold()


def _usual(table: ListTable, use: Use, option: str | None) -> int | None:
    headings = [plain(each) for each in table.headings]
    for names in USUAL[use]:
        known = {plain(each) for each in names}
        at = [index for index, heading in enumerate(headings) if heading in known]
        if len(at) > 1:
            shown = " and ".join(f'"{table.headings[each]}"' for each in at[:10])
            mend = "Keep one of them in the list, or give the others another heading."
            if option is not None:
                mend = f"Say which one is meant ({option}, or choose it on the page)."
            raise wrong_headings(table, f"{shown} may be the {use}. {mend}")
        if at:
            return at[0]
    return None
