"""How a person wants a source of pictures to be read, as an import keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sslapp.vocabulary import Split, Thing


class Meaning(StrEnum):
    """What a level of folders means."""

    CLASS = "class"
    GROUP = "group"  # what must not be torn apart: a patient, a scene
    SPLIT = "split"
    NOTHING = "nothing"


class FrameChoice(StrEnum):
    """What becomes of a file that holds several images (pages, an animation)."""

    FIRST = "first"
    ALL = "all"
    REFUSE = "refuse"


class TextChoice(StrEnum):
    """What becomes of DICOM files that may show text which is burned in, such as a name."""

    LEAVE_OUT = "leave-out"
    TAKE = "take"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What folders and names of a source mean; None is "as suggested".

    Attributes:
        levels: what each level of folders means, the outermost first; None where nobody confirmed
            it: an import then refuses what is open (`layout.Question`).
        splits: folder of a level of splits -> pool or test; needed for unusual names only.
        unlabelled: folders of the level of classes whose images have no class.
        leave_out: folders at any depth whose files are left out, and with a `*` in them names of
            files ("*_mask.*").
        group_pattern: regular expression searched in the whole relative path; what its first
            bracket that fits holds, or the whole match, is the group.
        frames: of files with several images.
        thing: what of DICOM files becomes an image; None as the project has it.
        burned_in: what becomes of those that may show text; needed where there are any.
    """

    levels: tuple[Meaning, ...] | None = None
    splits: Mapping[str, Split] = field(default_factory=dict)
    unlabelled: tuple[str, ...] | None = None
    leave_out: tuple[str, ...] | None = None
    group_pattern: str | None = None
    frames: FrameChoice = FrameChoice.FIRST
    thing: Thing | None = None
    burned_in: TextChoice | None = None

    def to_json(self) -> dict[str, Any]:
        """As a job keeps it."""
        return {
            "levels": None if self.levels is None else [str(each) for each in self.levels],
            "splits": {name: str(split) for name, split in self.splits.items()},
            "unlabelled": None if self.unlabelled is None else list(self.unlabelled),
            "leave_out": None if self.leave_out is None else list(self.leave_out),
            "group_pattern": self.group_pattern,
            "frames": str(self.frames),
            "thing": self.thing,
            "burned_in": self.burned_in,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Reading":
        """What `to_json` gave; what is missing is as suggested."""

        def some(key: str) -> tuple[str, ...] | None:
            return None if kept.get(key) is None else tuple(kept[key])

        levels = some("levels")
        return cls(
            levels=None if levels is None else tuple(Meaning(each) for each in levels),
            splits={name: Split(split) for name, split in kept.get("splits", {}).items()},
            unlabelled=some("unlabelled"),
            leave_out=some("leave_out"),
            group_pattern=kept.get("group_pattern"),
            frames=FrameChoice(kept.get("frames", FrameChoice.FIRST)),
            thing=None if kept.get("thing") is None else Thing(kept["thing"]),
            burned_in=None if kept.get("burned_in") is None else TextChoice(kept["burned_in"]),
        )


AS_SUGGESTED = Reading()
