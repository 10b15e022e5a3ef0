"""What lies in the quarantine: a folder an import, in it a folder a series with a manifest.

A series' folder holds its images' de-identified files and `manifest.json`, which says what the
import would have made of each.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from sslapp import durable
from sslapp.imaging.rectangles import Rectangle
from sslapp.vocabulary import ImageOf, Slices, Split, StackRule, Thing

MANIFEST = "manifest.json"


class Why(StrEnum):
    """Why an image is held back."""

    HEADER = "header"  # its file says that text is burned in
    KIND = "kind"  # pictures of its kind often show text, and its file does not deny it
    FOUND = "found"  # the detector found text


@dataclass(frozen=True, kw_only=True)
class HeldImage:
    """An image in the quarantine.

    Attributes:
        name, split, group, facts: as the import would have given them.
        series: pseudonymous UID of its series; label: how names of images show it.
        why: it is held back.
        sizes: (width, height) of its frames as they are seen.
        boxes: around text that was found, a list a frame.
        file: its name beside the manifest.
    """

    name: str
    split: Split
    group: str | None
    facts: Mapping[str, str]
    series: str
    label: str
    why: Why
    sizes: tuple[tuple[int, int], ...]
    boxes: tuple[tuple[Rectangle, ...], ...]
    file: str

    def to_json(self) -> dict[str, Any]:
        """As a manifest keeps it."""
        boxes = [[each.to_json() for each in frame] for frame in self.boxes]
        return {**asdict(self), "facts": dict(self.facts), "boxes": boxes}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "HeldImage":
        """What `to_json` gave."""
        read = {
            "split": Split(kept["split"]),
            "why": Why(kept["why"]),
            "sizes": tuple((width, height) for width, height in kept["sizes"]),
            "boxes": tuple(tuple(map(Rectangle.from_json, frame)) for frame in kept["boxes"]),
        }
        return cls(**{**kept, **read})


@dataclass(frozen=True, kw_only=True)
class HeldFolder:
    """The images of a series that one import held back.

    Attributes:
        folder: where they lie.
        title: how their import is called.
        image_of: what an image is.
        images: in the order of the import.
    """

    folder: Path
    title: str
    image_of: ImageOf
    images: Sequence[HeldImage]

    def content(self, image: HeldImage) -> bytes:
        """The file of an image."""
        return (self.folder / image.file).read_bytes()


def held_folders(below: Path) -> Iterator[HeldFolder]:
    """Yield what an import holds back; images whose files are gone are passed over.

    Args:
        below: the import's folder, which need not be there.
    """
    for manifest in sorted(below.glob(f"*/{MANIFEST}")):
        kept = json.loads(manifest.read_bytes())
        images = [HeldImage.from_json(each) for each in kept["images"]]
        yield HeldFolder(
            folder=manifest.parent,
            title=kept["title"],
            image_of=ImageOf(Thing(kept["thing"]), Slices(kept["slices"]), StackRule(kept["rule"])),
            images=[each for each in images if (manifest.parent / each.file).is_file()],
        )


@dataclass
class QuarantineWriter:
    """Collects what an import holds back beside its place, and brings it there as a whole.

    Args:
        target: the folder of the import.
        attempt: at it; no two write to the same place.
        title, image_of: see HeldFolder.
    """

    target: Path
    attempt: int
    title: str
    image_of: ImageOf
    _images: dict[str, list[HeldImage]] = field(default_factory=dict)

    @property
    def _pending(self) -> Path:
        return self.target.with_name(f".{self.target.name}.{self.attempt}.tmp")

    def start(self) -> None:
        """Begin anew, without what an earlier attempt has left."""
        for left in (self.target, *self.target.parent.glob(f".{self.target.name}.*")):
            remove_tree(left)
        self._images = {}

    def add(self, image: HeldImage, content: bytes) -> None:
        """Keep an image; its `file` is given here."""
        members = self._images.setdefault(image.series, [])
        named = f"{len(members) + 1}.dcm"
        folder = self._pending / image.series
        durable.write_bytes(folder / named, content)
        members.append(HeldImage(**{**vars(image), "file": named}))

    def publish(self) -> None:
        """Write the manifests and let everything appear at once; nothing where nothing came."""
        if not self._images:
            return
        for series, images in self._images.items():
            kept = {
                "title": self.title,
                **self.image_of._asdict(),
                "images": [each.to_json() for each in images],
            }
            content = json.dumps(kept, ensure_ascii=False).encode()
            durable.write_bytes(self._pending / series / MANIFEST, content)
        durable.sync_folder(self._pending)
        remove_tree(self.target)
        self._pending.replace(self.target)
        durable.sync_folder(self.target.parent)

    @property
    def images(self) -> int:
        """How many are held back."""
        return sum(map(len, self._images.values()))

    @property
    def series(self) -> int:
        """Of how many series."""
        return len(self._images)


def remove_tree(folder: Path) -> None:
    """Delete a folder, if it is there: out of sight at once, then file by file."""
    if folder.is_dir():
        gone = durable.temporary(folder)
        folder.replace(gone)
        shutil.rmtree(gone)
