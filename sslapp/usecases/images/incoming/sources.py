"""Where a browser user's images come from: what they chose, checked and turned into an origin."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from sslapp.datasets.own_exports import own_table
from sslapp.datasets.pictures.files import ending
from sslapp.datasets.registry import FILES, NAMES
from sslapp.store.errors import Unknown
from sslapp.usecases.access import Access, NotAllowed, require_server_admin
from sslapp.usecases.images.incoming.imports import add_images
from sslapp.usecases.images.incoming.looking import start_look
from sslapp.usecases.images.incoming.origin import Origin
from sslapp.usecases.images.incoming.uploads import PICTURES, find_upload
from sslapp.usecases.images.own_labels.plan import LabelPlan, plan_import, plan_new
from sslapp.usecases.images.own_labels.recording import import_labels
from sslapp.usecases.images.own_labels.sorting import LabelChoice


class SourceKind(StrEnum):
    """The ways to name images."""

    NAMED = "named"
    UPLOAD = "upload"
    SERVER = "server"
    NONE = "none"


@dataclass(frozen=True)
class SourceChoice:
    """What a person chose.

    Attributes:
        kind: which of the ways.
        value: a named set, an upload's id, or the path of a folder or file of the server.
    """

    kind: SourceKind
    value: str = ""


class WrongFields(ValueError):
    """Values of a form that cannot be used.

    Attributes:
        fields: field name -> one sentence for the reader.
    """

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = fields


def import_chosen(
    access: Access, project_id: int, choice: SourceChoice, labels: LabelChoice | None = None
) -> int | None:
    """Queue the import of what was chosen, or the look before it, and return the job's id.

    Of files and known sets it is a look, whose plan is shown before anything is imported. An own
    export, whose plan is shown already, is imported. The labels of an exported table are brought in
    at once; there is no job then.

    Args:
        labels: how those of an own export are brought in.

    Raises:
        WrongFields: naming "source".
    """
    found = origin(access, choice)
    if found is None:
        raise WrongFields({"source": "Choose where the images come from."})
    if must_be_looked_at(choice, found):
        return start_look(access, project_id, found)
    labels = labels or LabelChoice()
    plan = _plan(access, project_id, found, labels)
    if plan is not None and not plan.pictures:
        import_labels(access, project_id, Path(found.source), labels)
        return None
    return add_images(access, project_id, replace(found, add_classes=labels.add_classes))


def must_be_looked_at(choice: SourceChoice, found: Origin) -> bool:
    """Whether only a look can tell what a source holds: known sets, and files that are no export of
    sslapp."""
    if choice.kind is SourceKind.NAMED:
        return True
    if choice.kind is SourceKind.NONE:
        return False
    try:
        return own_table(Path(found.source)) is None
    except ValueError:  # a changed export, of which the import says so
        return False


def plan_chosen(
    access: Access,
    project_id: int | None,
    choice: SourceChoice,
    labels: LabelChoice,
    class_names: Sequence[str] = (),
) -> LabelPlan | None:
    """What an own export that was chosen would bring; None for anything else, and for a choice
    that cannot be used: the import says why.

    Args:
        project_id: None for a project that is still to be made.
        labels: how they are brought in.
        class_names: of that project; none for the export's own.

    Raises:
        WrongFields: naming "source", when the export was changed.
    """
    if choice.kind not in (SourceKind.UPLOAD, SourceKind.SERVER) or not choice.value:
        return None
    try:
        found = origin(access, choice)
    except WrongFields:
        return None
    if found is None:
        return None
    try:
        if project_id is None:
            return plan_new(Path(found.source), class_names)
        return _plan(access, project_id, found, labels)
    except ValueError as error:
        raise WrongFields({"source": str(error)}) from error


def _plan(access: Access, project_id: int, found: Origin, labels: LabelChoice) -> LabelPlan | None:
    path = Path(found.source)
    return plan_import(access, project_id, path, labels) if path.exists() else None


def origin(access: Access, choice: SourceChoice) -> Origin | None:
    """Check a choice; None for a project that gets its images later.

    Raises:
        WrongFields: naming "source".
    """
    try:
        return _origin(access, choice)
    except (ValueError, Unknown, NotAllowed) as error:
        raise WrongFields({"source": str(error)}) from error


def _origin(access: Access, choice: SourceChoice) -> Origin | None:
    match choice.kind:
        case SourceKind.NONE:
            return None
        case SourceKind.NAMED:
            if choice.value not in NAMES:
                raise ValueError(f"{choice.value[:100]} is no known set. Choose one of the sets.")
            return Origin(source=choice.value)
        case SourceKind.UPLOAD:
            if not choice.value:
                raise ValueError("Upload a file first, and wait until it has arrived.")
            made, path = find_upload(access, choice.value)
            if made.suffix not in PICTURES:
                raise ValueError(f"{made.name} holds no pictures. Import labels in their own form.")
            return Origin(source=str(path), name=Path(made.name).stem, upload=made.id)
        case SourceKind.SERVER:
            path = server_path(access, choice.value)
            return Origin(source=str(path), within=access.workspace.import_folders)


def server_path(access: Access, text: str) -> Path:
    """The folder or file of the server that a person named, resolved.

    A relative path counts from the first allowed folder. What lies elsewhere is refused before it
    is looked at, so an answer never tells what else is on the server.

    Raises:
        NotAllowed: when the reader is no server admin.
        ValueError: when it is not below an allowed folder, not there, or no image set.
    """
    require_server_admin(access, "import folders of the server")
    allowed = access.workspace.import_folders
    if not allowed:
        raise ValueError(
            "This server allows no folders. A server admin names them in SSLAPP_IMPORT_ROOTS."
        )
    if not text.strip() or "\0" in text:
        raise ValueError("Write the path of a folder or file of the server.")
    try:
        path = (allowed[0] / Path(text.strip()).expanduser()).resolve()
    except (OSError, RuntimeError) as error:
        raise ValueError("This path leads nowhere. Correct it.") from error
    if not any(path.is_relative_to(folder) for folder in allowed):
        folders = ", ".join(str(folder) for folder in allowed)
        raise ValueError(f"This path is not below a folder that may be imported: {folders}.")
    if not path.exists():
        raise ValueError(f"There is no folder or file {path}. Correct the path.")
    if not path.is_dir() and ending(path.name) not in FILES:
        raise ValueError(
            f"{path.name} is neither a folder nor a {', '.join(FILES)} file. Choose one of those."
        )
    return path
