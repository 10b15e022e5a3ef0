"""How long an encoder takes here: by its last run, or by its size before there was one."""

import os
from dataclasses import dataclass

from sqlalchemy import Connection

from sslapp.embedding.encoders import ENCODERS
from sslapp.jobs import history
from sslapp.store.database import reading
from sslapp.usecases.access import Access
from sslapp.vocabulary import JobKind
from sslapp.words import count, roughly

RATE = "images_per_second"
"""Key of a job's result: how fast its encoder was."""

NEWEST = 50
"""Jobs that are asked: a page asks at every run, and older ones say little of today's speed."""

A_CORE = 15.0
"""Billion multiplications that a core does in a second, decoding included, by rule of thumb."""


@dataclass(frozen=True)
class EncodingTime:
    """What encoding images will take.

    Attributes:
        images: how many.
        rate: images a second.
        measured: whether the encoder ran here at that rate; otherwise it is told by its size.
    """

    images: int
    rate: float
    measured: bool

    def __str__(self) -> str:
        what = f"{roughly(self.images / self.rate)} for {count(self.images, 'image')}"
        if not self.measured:
            return f"{what}, by its size: it has not run here yet."
        speed = f"{self.rate:,.0f}" if self.rate >= 10 else f"{self.rate:.1f}"
        return f"{what} at {speed} images/s, its last speed here."


def encoding_time(access: Access, encoder: str, images: int) -> EncodingTime | None:
    """What it will take; None for an encoder of which nothing is known before it ran."""
    with reading(access.engine) as conn:
        known = _rates(conn)
    if encoder in known:
        return EncodingTime(images, known[encoder], measured=True)
    size = _size(encoder)
    if not size:
        return None
    done = next((known[each] * _size(each) for each in known if _size(each)), None)
    return EncodingTime(images, (done or A_CORE * (os.cpu_count() or 1)) / size, measured=False)


def encoder_rate(conn: Connection, encoder: str) -> float | None:
    """Images a second as the newest job of this encoder had them; None if none told."""
    return _rates(conn).get(encoder)


def _rates(conn: Connection) -> dict[str, float]:
    """Images a second by encoder, of the newest job each, the newest first."""
    found: dict[str, float] = {}
    for job in history.done_of_kind(conn, JobKind.EMBED, NEWEST):
        if job["result"].get(RATE):
            found.setdefault(job["result"]["encoder"], float(job["result"][RATE]))
    return found


def _size(encoder: str) -> float:
    return ENCODERS[encoder].multiplications if encoder in ENCODERS else 0.0
