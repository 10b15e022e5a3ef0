"""Labels that a browser sends as a table: what they would do, and then brought in at once.

An exported table comes with its manifest and keeps who gave each label; the labels of any other
list are those of the reader who sends it.
"""

from dataclasses import dataclass
from pathlib import Path

from sslapp.datasets.own_exports import OwnTable, own_table
from sslapp.usecases.access import Access
from sslapp.usecases.images.incoming.uploads import MANIFESTS, TABLES, Upload, find_upload, forget
from sslapp.usecases.images.own_labels.plan import LabelPlan, plan_table
from sslapp.usecases.images.own_labels.recording import import_table
from sslapp.usecases.images.own_labels.sorting import LabelChoice
from sslapp.usecases.labelling.label_lists import (
    ListPlan,
    ListReading,
    import_list,
    plan_list,
)


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
    *,
    reading: ListReading | None = None,
    given_by: str | None = None,
) -> LabelPlan | ListPlan:
    """What a table would bring. Nothing is changed.

    Args:
        choice: how the labels of an exported one are brought in.
        reading, given_by: how any other list is read; as for `label_lists.plan_list`.

    Raises:
        ValueError: when it cannot be read, or an exported table was changed.
        Unknown: when there is no such upload of this reader.
    """
    made, path, own = _read(access, sent)
    if own is not None:
        return plan_table(access, project_id, own, choice)
    return plan_list(
        access, project_id, path, made.name, reading or ListReading(), given_by=given_by
    )


def import_sent(
    access: Access,
    project_id: int,
    sent: SentTable,
    choice: LabelChoice,
    *,
    reading: ListReading | None = None,
    given_by: str | None = None,
) -> int:
    """Bring in the labels of a table, all or none; return how many, and forget the upload.

    Raises:
        ValueError: listing every wrong line and its mend, and as for `plan_sent`.
        Unknown: as for `plan_sent`.
        NotAllowed: when classes are to be added, or the labels are another reader's, and who asks
            is no admin.
    """
    made, path, own = _read(access, sent)
    if own is not None:
        plan = import_table(access, project_id, own, choice)
        brought = sum(plan.labels.values()) + plan.none_of_these
    else:
        how = reading or ListReading()
        brought = import_list(access, project_id, path, made.name, how, given_by=given_by)
    for each in filter(None, (sent.table, sent.manifest)):
        forget(access.workspace, each)
    return brought


def _read(access: Access, sent: SentTable) -> tuple[Upload, Path, OwnTable | None]:
    """The upload, its file, and what it says where it is an exported table."""
    made, path = find_upload(access, sent.table)
    if made.suffix not in TABLES:
        raise ValueError(f"{made.name} is no table of labels. Send a {' or '.join(TABLES)} file.")
    own = _exported(access, sent.manifest, made, path) if sent.manifest else None
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
