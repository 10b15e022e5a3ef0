"""What the widgets of an import's plan say, and what nobody has answered yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from sslapp.usecases.images.incoming.plan import (
    FrameChoice,
    ImportPlan,
    Level,
    Meaning,
    Reading,
    Slices,
    Split,
    StackRule,
    TextChoice,
    Thing,
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the widgets of the run before say; empty where they were not drawn yet.

    Attributes:
        levels: level -> its meaning; None where nothing was chosen yet.
        splits: folder -> pool or test.
        unlabelled, leave_out: as in a Reading.
        group_pattern: "" for none.
        frames: of files with several images.
        thing, slices, rule, burned_in: of DICOM files.
    """

    levels: Mapping[int, Meaning | None]
    splits: Mapping[str, Split]
    unlabelled: tuple[str, ...] | None
    leave_out: tuple[str, ...] | None
    group_pattern: str
    frames: FrameChoice
    thing: Thing | None
    slices: Slices | None
    rule: StackRule | None
    burned_in: TextChoice | None

    @classmethod
    def read(cls, key: str) -> "Asked":
        """Of the plan whose widgets' keys begin so."""
        state = st.session_state

        def all_of(part: str) -> dict[str, object]:
            start = f"{key}-{part}-"
            found = {str(each): state[each] for each in state if str(each).startswith(start)}
            return {name.removeprefix(start): value for name, value in found.items()}

        left = all_of("out")
        thing, text = state.get(f"{key}-thing"), state.get(f"{key}-text")
        slices, rule = state.get(f"{key}-slices"), state.get(f"{key}-rule")
        in_series = thing is not None and Thing(str(thing)) is Thing.SERIES
        several = in_series and slices is not None and Slices(str(slices)) is not Slices.ONE
        unlabelled = state.get(f"{key}-unlabelled")
        return cls(
            levels={
                int(level): None if value is None else Meaning(str(value))
                for level, value in all_of("level").items()
            },
            splits={
                name: Split(str(value))
                for name, value in all_of("split").items()
                if value is not None
            },
            unlabelled=None if unlabelled is None else tuple(unlabelled),
            leave_out=tuple(name for name, out in left.items() if out) if left else None,
            group_pattern=str(state.get(f"{key}-pattern") or "").strip(),
            frames=FrameChoice(state.get(f"{key}-frames") or FrameChoice.FIRST),
            thing=None if thing is None else Thing(str(thing)),
            slices=Slices(str(slices)) if in_series and slices is not None else None,
            rule=StackRule(str(rule)) if several and rule is not None else None,
            burned_in=None if text is None else TextChoice(str(text)),
        )

    def reading(self, levels: Sequence[Level]) -> Reading:
        """The reading that follows; a level that nothing was chosen for is as suggested."""
        return Reading(
            levels=tuple(
                self.levels.get(number) or level.meaning for number, level in enumerate(levels)
            ),
            splits=dict(self.splits),
            unlabelled=self.unlabelled,
            leave_out=self.leave_out,
            group_pattern=self.group_pattern or None,
            frames=self.frames,
            thing=self.thing,
            slices=self.slices,
            rule=self.rule,
            burned_in=self.burned_in,
        )


def unanswered(looks: ImportPlan, plan: ImportPlan, asked: Asked) -> list[str]:
    """The questions that still stand between a plan and its import.

    Args:
        looks: the plan as everything looks.
        plan: as it was chosen.
        asked: what was chosen.
    """
    levels = [
        each.text
        for each in looks.questions
        if each.about == "levels" and asked.levels.get(each.level or 0) is None
    ]
    return levels + [each.text for each in plan.questions if each.about in ("splits", "burned_in")]
