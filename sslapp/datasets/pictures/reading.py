"""How a person wants a source of pictures to be read, as an import keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from sslapp.vocabulary import ImageOf, Slices, Split, StackRule, Thing


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

    HOLD_BACK = "hold-back"
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
        slices: of a series, which of its slices are kept; None likewise.
        rule: of several slices, what is trained on; None likewise.
        burned_in: what becomes of those that may show text; needed where there are any.
    """

    levels: tuple[Meaning, ...] | None = None
    splits: Mapping[str, Split] = field(default_factory=dict)
    unlabelled: tuple[str, ...] | None = None
    leave_out: tuple[str, ...] | None = None
    group_pattern: str | None = None
    frames: FrameChoice = FrameChoice.FIRST
    thing: Thing | None = None
    slices: Slices | None = None
    rule: StackRule | None = None
    burned_in: TextChoice | None = None

    @property
    def image_of(self) -> ImageOf:
        """What of DICOM files an image is, with what is usual where nothing is said.

        Three slices are trained on as three channels, of all of them the middle one.
        """
        slices = self.slices or Slices.ONE
        usual = StackRule.THREE if slices is Slices.THREE else StackRule.MIDDLE
        return ImageOf(self.thing or Thing.INSTANCE, slices, self.rule or usual)

    def beside(self, kept: ImageOf) -> "Reading":
        """The same for a project whose images of DICOM files are known.

        Raises:
            ValueError: when it says otherwise.
        """
        for name, have in kept._asdict().items():
            said = getattr(self, name)
            if said is not None and said is not have:
                raise ValueError(
                    f"An image of this project is a DICOM {_words(kept)}, and not {said}. Import "
                    "into a new project, or leave it at that."
                )
        if kept.thing is not Thing.SERIES:
            return replace(self, thing=kept.thing)
        rule = None if kept.slices is Slices.ONE else kept.rule
        return replace(self, thing=kept.thing, slices=kept.slices, rule=rule)

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
            "slices": self.slices,
            "rule": self.rule,
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
            slices=None if kept.get("slices") is None else Slices(kept["slices"]),
            rule=None if kept.get("rule") is None else StackRule(kept["rule"]),
            burned_in=None if kept.get("burned_in") is None else TextChoice(kept["burned_in"]),
        )


def _words(kept: ImageOf) -> str:
    """ "series (slices: all, trained on: middle)"."""
    if kept.thing is not Thing.SERIES:
        return str(kept.thing)
    rule = "" if kept.slices is Slices.ONE else f", trained on: {kept.rule}"
    return f"{kept.thing} (slices: {kept.slices}{rule})"


AS_SUGGESTED = Reading()
