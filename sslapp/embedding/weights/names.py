"""What encoders from a hub are called: one grammar, and never a path or an address.

open_clip:MODEL/PRETRAINED      a pair of open_clip.list_pretrained()
open_clip:hf-hub:OWNER/NAME     an OpenCLIP model of the hub
timm:NAME                       an image model of timm whose weights are on the hub
timm:hf-hub:OWNER/NAME          a timm model of the hub
"""

import re
from dataclasses import dataclass
from enum import StrEnum

LONGEST = 120
"""Characters of a whole name."""

_PART = r"[A-Za-z0-9_](?:[.-]?[A-Za-z0-9_]+)*"  # no "--", which stands for "/" in a folder's name
_NAME = re.compile(
    rf"(?P<library>open_clip|timm):(?:(?P<hub>hf-hub):)?(?P<first>{_PART})(?:/(?P<second>{_PART}))?"
)
GRAMMAR = (
    "open_clip:MODEL/PRETRAINED, open_clip:hf-hub:OWNER/NAME, timm:NAME or timm:hf-hub:OWNER/NAME"
)


class Library(StrEnum):
    """The packages that build the networks."""

    OPEN_CLIP = "open_clip"
    TIMM = "timm"


@dataclass(frozen=True)
class HubName:
    """The name of an encoder whose weights come from a hub.

    Attributes:
        library: what builds its network.
        repository: "OWNER/NAME" on the hub; None where the library knows which it is.
        model: the library's own name; empty with a repository.
        tag: which weights of an open_clip model; empty otherwise.
    """

    library: Library
    repository: str | None = None
    model: str = ""
    tag: str = ""

    def __str__(self) -> str:
        if self.repository is not None:
            return f"{self.library}:hf-hub:{self.repository}"
        return f"{self.library}:{self.model}" + (f"/{self.tag}" if self.tag else "")

    @property
    def folder(self) -> str:
        """Name of the folder in which its weights lie; `of_folder` reads it back."""
        return str(self).replace(":", "--").replace("/", "--")


def parse(name: str) -> HubName:
    """Read a name.

    Raises:
        ValueError: when it is none.
    """
    found = _NAME.fullmatch(name) if len(name) <= LONGEST else None
    if found is not None:
        library, first, second = Library(found["library"]), found["first"], found["second"]
        if found["hub"] and second:
            return HubName(library, repository=f"{first}/{second}")
        if not found["hub"] and bool(second) == (library is Library.OPEN_CLIP):
            return HubName(library, model=first, tag=second or "")
    raise ValueError(f'"{name}" names no encoder of a hub. Write {GRAMMAR}.')


def is_hub_name(name: str) -> bool:
    """Whether `parse` reads it."""
    try:
        parse(name)
    except ValueError:
        return False
    return True


def of_folder(folder: str) -> HubName | None:
    """The name whose weights a folder of this name holds; None for another folder."""
    library, _, rest = folder.partition("--")
    hub, _, repository = rest.partition("--")
    name = f"{hub}:{repository.replace('--', '/')}" if hub == "hf-hub" else rest.replace("--", "/")
    try:
        found = parse(f"{library}:{name}")
    except ValueError:
        return None
    return found if found.folder == folder else None
