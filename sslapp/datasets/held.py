"""What a project holds already, against which an import holds every image that comes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from sslapp.datasets.source import Refusal

EXAMPLES = 10
"""Of images with equal pixels that are named."""


class HeldAs(Enum):
    """What an image is to a project that is no refusal."""

    NEW = "new"
    HERE = "here"  # the same name and content


@dataclass(frozen=True)
class Held:
    """What a project holds.

    Attributes:
        names: name -> (sha256 of its file or None, sha256 of its pixels).
        files: sha256 of a file -> name of an image that came with it.
        pixels: sha256 of pixels -> name of an image that has them.
        count: of its images.
    """

    names: Mapping[str, tuple[str | None, str]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    pixels: Mapping[str, str] = field(default_factory=dict)
    count: int = 0

    def of_file(self, name: str, sha256: str) -> HeldAs | Refusal:
        """What a file is to the project, by the sha256 of its bytes."""
        if self.names.get(name, (None, ""))[0] == sha256:
            return HeldAs.HERE
        if sha256 in self.files:
            shown = f"{name} (here as {self.files[sha256]})"
            return Refusal(shown, "the project has this very file already")
        return HeldAs.NEW

    def of_row(self, name: str, sha256: str) -> HeldAs:
        """What a row of an array is to the project, by the sha256 of its pixels."""
        return HeldAs.HERE if self.names.get(name, (None, ""))[1] == sha256 else HeldAs.NEW


@dataclass
class Equal:
    """Images that were taken though another has the same pixels.

    Attributes:
        count: how many.
        examples: (name, name of the other) of the first.
    """

    count: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, other: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append((name, other))
