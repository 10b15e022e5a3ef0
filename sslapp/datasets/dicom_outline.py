"""What a look at DICOM files keeps of them: counts and sentences, no name of any file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sslapp.vocabulary import ImageOf, Thing


@dataclass(frozen=True, kw_only=True)
class DicomOutline:
    """What lies in a source of DICOM files.

    Attributes:
        patients, studies, series, instances: how many there are.
        images: thing to label -> how many images it would give without what may show text.
        with_text: likewise, how many images, or series of studies and patients, may show text.
        called: names of the images that a project's kind of image would give, for a project that
            has some; () for another.
        seconds: that a picture takes to be read, de-identified and made small; None where none was
            timed.
        taken: likewise, how many images with all that may show text; of older looks nothing.
        modalities: modality -> instances.
        sizes, kinds: "512 x 512" and "grey, 16 bits" -> instances.
        smallest, largest: (width, height) by pixels.
        several: instances with more than one frame.
        bytes: of all instances.
        notes: what a person should know, as sentences.
    """

    patients: int
    studies: int
    series: int
    instances: int
    images: Mapping[Thing, int]
    with_text: Mapping[Thing, int]
    modalities: Mapping[str, int]
    sizes: Mapping[str, int]
    kinds: Mapping[str, int]
    smallest: tuple[int, int]
    largest: tuple[int, int]
    several: int
    bytes: int
    notes: tuple[str, ...] = field(default=())
    taken: Mapping[Thing, int] = field(default_factory=dict)
    called: tuple[str, ...] = field(default=(), repr=False)
    seconds: float | None = None

    def pictures(self, image_of: ImageOf, images: int) -> int:
        """Of how many pictures so many images are, at most."""
        return self.instances if image_of.bundles else images

    def number(self, thing: Thing, *, takes_text: bool) -> int:
        """How many images there would be."""
        if not takes_text:
            return self.images[thing]
        return self.taken.get(thing, self.images[thing] + self.with_text[thing])

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "DicomOutline":
        """What `dataclasses.asdict` gave, after it was JSON."""
        return cls(
            **{
                **kept,
                "images": {Thing(name): count for name, count in kept["images"].items()},
                "with_text": {Thing(name): count for name, count in kept["with_text"].items()},
                "taken": {Thing(name): count for name, count in kept.get("taken", {}).items()},
                "called": tuple(kept.get("called", ())),
                "smallest": tuple(kept["smallest"]),
                "largest": tuple(kept["largest"]),
                "notes": tuple(kept["notes"]),
            }
        )
