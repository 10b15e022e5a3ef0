"""Where a browser user's images come from: what they chose, checked and turned into an origin."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sslapp.datasets.files import compiled
from sslapp.datasets.registry import FILES, NAMES
from sslapp.store.errors import Unknown
from sslapp.usecases.access import Access, NotAllowed, require_server_admin
from sslapp.usecases.images.imports import Origin, add_images
from sslapp.usecases.images.uploads import find_upload


class SourceKind(StrEnum):
    """The ways to name images."""

    NAMED = "named"
    UPLOAD = "upload"
    SERVER = "server"
    NONE = "none"


TITLES = {
    "digits": "Handwritten digits",
    "mnist": "MNIST",
    "fashion-mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
}
"""The named sets as a page calls them."""

ABOUT = {
    "digits": "1,797 images of 8 x 8 pixels that come with scikit-learn; there in seconds.",
    "mnist": "70,000 handwritten digits of 28 x 28 pixels.",
    "fashion-mnist": "70,000 articles of clothing, 28 x 28 pixels.",
    "cifar10": "60,000 colour photographs of 10 classes, 32 x 32 pixels.",
}


@dataclass(frozen=True)
class SourceChoice:
    """What a person chose.

    Attributes:
        kind: which of the ways.
        value: a named set, an upload's id, or the path of a folder or file of the server.
        download: fetch a named set that is not there.
        group_pattern: a regular expression on file names, or "".
    """

    kind: SourceKind
    value: str = ""
    download: bool = False
    group_pattern: str = ""


class WrongFields(ValueError):
    """Values of a form that cannot be used.

    Attributes:
        fields: field name -> one sentence for the reader.
    """

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = fields


def import_chosen(access: Access, project_id: int, choice: SourceChoice) -> int:
    """Queue the import of what was chosen and return the job's id.

    Raises:
        WrongFields: naming "source" or "group_pattern".
    """
    found = origin(access, choice)
    if found is None:
        raise WrongFields({"source": "Choose where the images come from."})
    return add_images(access, project_id, found)


def origin(access: Access, choice: SourceChoice) -> Origin | None:
    """Check a choice; None for a project that gets its images later.

    Raises:
        WrongFields: naming "source" or "group_pattern".
    """
    try:
        pattern = choice.group_pattern.strip() or None
        compiled(pattern)
    except ValueError as error:
        raise WrongFields({"group_pattern": str(error)}) from error
    try:
        return _origin(access, choice, pattern)
    except (ValueError, Unknown, NotAllowed) as error:
        raise WrongFields({"source": str(error)}) from error


def _origin(access: Access, choice: SourceChoice, pattern: str | None) -> Origin | None:
    match choice.kind:
        case SourceKind.NONE:
            return None
        case SourceKind.NAMED:
            if choice.value not in NAMES:
                raise ValueError(f"Choose one of the sets: {', '.join(TITLES.values())}.")
            return Origin(source=choice.value, download=choice.download)
        case SourceKind.UPLOAD:
            if not choice.value:
                raise ValueError("Upload a file first, and wait until it has arrived.")
            made, path = find_upload(access, choice.value)
            wanted = pattern if made.suffix == ".zip" else None
            name = Path(made.name).stem
            return Origin(source=str(path), name=name, upload=made.id, group_pattern=wanted)
        case SourceKind.SERVER:
            path = server_path(access, choice.value)
            reads_names = path.is_dir() or path.suffix.lower() == ".zip"
            return Origin(
                source=str(path),
                within=access.workspace.import_folders,
                group_pattern=pattern if reads_names else None,
            )


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
    if not path.is_dir() and path.suffix.lower() not in FILES:
        raise ValueError(
            f"{path.name} is neither a folder nor a {', '.join(FILES)} file. Choose one of those."
        )
    return path
