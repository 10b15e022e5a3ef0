"""What a page says about one decision that was made on screen."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from sslapp.store.log.kinds import kinds_where, rule_of
from sslapp.vocabulary import EventKind

PAINTED_MS = 50
"""How long an image must have been on the stage before a key about it counts; a frame of it must
have been painted as well."""

_LARGEST = 2**53  # the largest whole number that JavaScript can count to


def _on_screen(kind: EventKind) -> EventKind:
    if not rule_of(kind).on_screen:
        allowed = ", ".join(kinds_where(lambda rule: rule.on_screen))
        raise ValueError(f"A page cannot make a decision ({kind}); it makes {allowed}.")
    return kind


class Entry(BaseModel):
    """One decision in an outbox.

    Attributes:
        seq: 1, 2, ... of the client.
        kind: label, unsure, skip, flag, undo; accept, reject, relabel.
        position: the image; of all but undo.
        image: content hash of the picture that was painted; of all but undo.
        class_id: label, relabel: the class. accept: the proposed class that was shown, checked.
            reject: the class it is not; default the proposed one.
        round: accept, reject, relabel: number of the round whose prediction is judged.
        of: undo: key "<client>:<seq>" of the reader's decision, which may be unsent yet.
        target: undo: or the number of its event.
        placed_at, painted_at, pressed_at: when the decoded image was put on the stage (default:
            when it was painted), when it was painted, and when the key was pressed; milliseconds
            since 1970 by the browser's clock.
        active_ms: time with the image while its tab was shown; of a gap without a sign of life
            (pointer, key, wheel) at most the first 30 s.
        strategy: which strategy offered the image.
        comment: flag: what is odd about the image.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seq: int = Field(ge=1, le=_LARGEST)
    kind: Annotated[EventKind, AfterValidator(_on_screen)]
    position: int | None = Field(default=None, ge=0, le=_LARGEST)
    image: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    class_id: int | None = Field(default=None, ge=0, le=_LARGEST)
    round: int | None = Field(default=None, ge=1, le=_LARGEST)
    of: str | None = Field(default=None, min_length=1, max_length=64)
    target: int | None = Field(default=None, ge=1, le=_LARGEST)
    placed_at: FiniteFloat | None = None
    painted_at: FiniteFloat | None = None
    pressed_at: FiniteFloat
    active_ms: FiniteFloat | None = Field(default=None, ge=0)
    strategy: str | None = Field(default=None, max_length=32)
    comment: str | None = Field(default=None, max_length=2000)

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "Entry":
        if self.kind is EventKind.UNDO:
            about_image = self.position is not None or self.image is not None
            if about_image or (self.of is None) == (self.target is None):
                raise ValueError("An undo names the decision by `of` or by `target`, no image.")
            return self
        if self.position is None:
            raise ValueError(f"The decision ({self.kind}) names no image.")
        if self.image is None:
            raise ValueError(
                f"The decision does not say which picture was shown as image {self.position}, as "
                "pages of an older version do not. Reload the page and decide again."
            )
        if not self._was_seen():
            raise ValueError(
                f"Image {self.position} had not been on screen for {PAINTED_MS} ms when the key "
                "was pressed. Look at it and decide again."
            )
        if rule_of(self.kind).verdict and self.round is None:
            raise ValueError(f"The decision ({self.kind}) names no round.")
        if not rule_of(self.kind).takes_class and self.class_id is not None:
            raise ValueError(f"The decision ({self.kind}) takes no class.")
        return self

    def _was_seen(self) -> bool:
        painted = self.painted_at
        placed = painted if self.placed_at is None else self.placed_at
        if painted is None or placed is None or placed > painted:
            return False
        return self.pressed_at >= max(painted, placed + PAINTED_MS)

    def measured(self) -> dict[str, Any]:
        """What the page measured, as it is kept with the event."""
        times = ("placed_at", "painted_at", "pressed_at", "active_ms")
        names = ("image", *times, "strategy", "comment")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}
