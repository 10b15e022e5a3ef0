"""A table that a browser sends: what it would do, and then brought in at once.

An exported table comes with its manifest and keeps who gave each label; any other list becomes what
the reader who sends it says, and so does an exported one that is to be something else than labels.
"""

from dataclasses import dataclass
from pathlib import Path

from sslapp.datasets.own_exports import OwnTable, own_table
from sslapp.usecases.access import Access
from sslapp.usecases.images.incoming.uploads import MANIFESTS, TABLES, Upload, find_upload, forget
from sslapp.usecases.images.own_labels.plan import LabelPlan, plan_table
from sslapp.usecases.images.own_labels.recording import import_table
from sslapp.usecases.images.own_labels.sorting import LabelChoice
from sslapp.usecases.labelling.lists import ListChoice, ListUse, Saved, import_as, plan_as
from sslapp.usecases.labelling.read_lists import ReadPlan
from sslapp.words import count


@dataclass(frozen=True)
class SentTable:
    """A table as a browser sent it.

    Attributes:
        table: the upload's id.
        manifest: that of its manifest; "" for a list from elsewhere.
    """

    table: str
    manifest: str = ""


def plan_sent(
    access: Access,
    project_id: int,
    sent: SentTable,
    choice: LabelChoice,
    listed: ListChoice | None = None,
) -> LabelPlan | ReadPlan:
    """What a table would bring. Nothing is changed.

    Args:
        choice: how the labels of an exported one are brought in.
        listed: how any other list is.

    Raises:
        ValueError: when it cannot be read, or an exported table was changed.
        Unknown: when there is no such upload of this reader.
    """
    listed = listed or ListChoice()
    made, path, own = _read(access, sent, listed.use)
    if own is not None:
        return plan_table(access, project_id, own, choice)
    return plan_as(access, project_id, path, made.name, listed)


def import_sent(
    access: Access,
    project_id: int,
    sent: SentTable,
    choice: LabelChoice,
    listed: ListChoice | None = None,
) -> Saved:
    """Bring in a table, all of it or nothing, and forget the upload.

    Raises:
        ValueError: listing every wrong line and its mend, and as for `plan_sent`.
        Unknown: as for `plan_sent`.
        NotAllowed: when classes are to be added, or the labels are another reader's, and who asks
            is no admin.
    """
    listed = listed or ListChoice()
    made, path, own = _read(access, sent, listed.use)
    if own is not None:
        plan = import_table(access, project_id, own, choice)
        number = sum(plan.labels.values()) + plan.none_of_these
        brought = Saved(number, f"{count(number, 'label')} imported.")
    else:
        brought = import_as(access, project_id, path, made.name, listed)
    for each in filter(None, (sent.table, sent.manifest)):
        forget(access.workspace, each)
    return brought


def _read(access: Access, sent: SentTable, use: ListUse) -> tuple[Upload, Path, OwnTable | None]:
    """The upload, its file, and what it says where it is an exported table of labels."""
    made, path = find_upload(access, sent.table)
    if made.suffix not in TABLES:
        raise ValueError(f"{made.name} is no table of labels. Send a {' or '.join(TABLES)} file.")
    named = sent.manifest if use is ListUse.LABELS else ""
    own = _exported(access, named, made, path) if named else None
    return made, path, own


def _exported(access: Access, manifest: str, made: Upload, path: Path) -> OwnTable:
    beside, file = find_upload(access, manifest)
    own = None
    if beside.suffix in MANIFESTS:
        own = own_table(path, manifest=file, name=made.name)
    if own is None:
        raise ValueError(
            f"{beside.name} is no manifest of a table that sslapp exported. Send the file "
            f"{made.name}.manifest.json that lay beside the table, or none."
        )
    return own
