"""Where images come from and how they are to be read, as a look and an import keep it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sslapp.datasets.pictures.reading import Reading
from sslapp.datasets.pictures.watch import Watch
from sslapp.datasets.registry import Secret, open_source
from sslapp.datasets.source import ImageSource
from sslapp.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where an import's images come from.

    Attributes:
        source: as `datasets.registry.open_source` reads it.
        root: where a named set lies or is fetched to; None for where it is found.
        download: fetch a named set that is not there.
        reading: what folders and names mean; None as they look, where that is not in doubt.
        name: how an uploaded file's import is called; None for its own name.
        within: folders that a manifest's pictures may lie in; None for its own.
        upload: the upload to forget when its images are there.
        add_classes: of an own export, those that the project has not; else their labels are left
            out.
    """

    source: str
    root: Path | None = None
    download: bool = False
    reading: Reading | None = None
    name: str | None = None
    within: tuple[Path, ...] | None = None
    upload: str | None = None
    add_classes: bool = False

    def to_json(self, workspace: Workspace) -> dict[str, Any]:
        """As a job's parameters."""
        return {
            **asdict(self),
            "root": str(self.root or workspace.data),
            "within": None if self.within is None else [str(each) for each in self.within],
            "reading": None if self.reading is None else self.reading.to_json(),
        }

    @classmethod
    def from_json(cls, params: Mapping[str, Any]) -> "Origin":
        """What `to_json` gave, or a job that an earlier version queued."""
        within, reading = params.get("within"), params.get("reading")
        if reading is None and params.get("group_pattern"):
            reading = {"group_pattern": params["group_pattern"]}
        return cls(
            source=params["source"],
            root=Path(params["root"]),
            download=params["download"],
            reading=None if reading is None else Reading.from_json(reading),
            name=params.get("name"),
            within=None if within is None else tuple(Path(each) for each in within),
            upload=params.get("upload"),
            add_classes=params.get("add_classes", False),
        )

    def open(self, secret: Secret, watch: Watch) -> ImageSource:
        """The source, to be read.

        Args:
            secret, watch: see `datasets.registry.open_source`.

        Raises:
            ValueError: when it cannot be opened, with the reason.
        """
        return open_source(
            self.source,
            root=self.root,
            reading=self.reading,
            group_pattern=None if self.reading is None else self.reading.group_pattern,
            name=self.name,
            within=self.within,
            secret=secret,
            watch=watch,
        )
