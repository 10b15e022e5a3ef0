"""What an import tells: notes of what it met, and what it refused and why."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sslapp.datasets.ingest import Ingested
from sslapp.datasets.known.catalogue import KNOWN
from sslapp.datasets.source import PseudonymousSource
from sslapp.datasets.tables.cells import escape_cell
from sslapp.jobs.context import JobContext
from sslapp.review.findings.difference_hashes import MOST_PAIRS
from sslapp.store.database import reading
from sslapp.usecases.images.incoming.likeness import (
    EXAMPLES,
    Apart,
    alike,
    kept_apart,
    tests_of,
    too_many,
)
from sslapp.usecases.images.incoming.shape import what_differs
from sslapp.vocabulary import JobKind, JobState
from sslapp.words import count

SHOWN = 100
"""Files with several images that a note names."""

ELEMENTS = 40
"""Elements of files that a note names."""

Refusals = Sequence[Mapping[str, str]]
"""Entries {"name": ..., "reason": ...}, as an image set keeps them."""


def met(ingested: Ingested) -> Iterator[str]:
    """What a person should know of images that were taken in, or not."""
    if groups := ingested.rows.group_count:
        said = count(groups, "group")
        yield f"The images belong to {said}. None is cut between training and holdout."
    if ingested.here:
        yield (
            f"{count(ingested.here, 'image')} of the source {_are(ingested.here)} here already "
            "under the same name, and not taken in again."
        )
    if ingested.several:
        held = [f"{name} ({number:,})" for name, number in ingested.several.items()]
        more = f" and {len(held) - SHOWN:,} more" if len(held) > SHOWN else ""
        yield f"Of files with several images the first was taken: {', '.join(held[:SHOWN])}{more}."
    if ingested.equal.count:
        pairs = "; ".join(f"{name} as {other}" for name, other in ingested.equal.examples)
        more = ", ..." if ingested.equal.count > len(ingested.equal.examples) else ""
        yield (
            f"{count(ingested.equal.count, 'image')} taken in whose pixels are those of another: "
            f"{pairs}{more}."
        )


def dropped(source: PseudonymousSource) -> Iterator[str]:
    """What was left out of files of patients: names of elements, never their values."""
    if source.dropped:
        told = [f"{name} ({number:,})" for name, number in source.dropped.most_common()]
        more = f" and {len(told) - ELEMENTS:,} more" if len(told) > ELEMENTS else ""
        yield f"Left out of the files: {', '.join(told[:ELEMENTS])}{more}."


def near(context: JobContext, ingested: Ingested) -> Iterator[str]:
    """What was met of new images that show the same as holdout or test images, here already or of
    the same import; those of a set with a name are its authors' choice.
    """
    with reading(context.engine) as conn:
        here = kept_apart(conn, context.workspace, context.claim.project_id)
    own = None if context.claim.params.get("source") in KNOWN else tests_of(ingested)
    for apart in (here, own):
        if apart is not None:
            yield from _near(context, ingested, apart, of_itself=apart is own)


def _near(
    context: JobContext, ingested: Ingested, apart: Apart, *, of_itself: bool
) -> Iterator[str]:
    whose = "a test image of this import" if of_itself else "a holdout or test image"
    if too_many(apart, len(ingested.rows)):
        yield (
            f"Whether new images show the same as {whose} was not looked for: "
            f"{len(ingested.rows):,} new ones and {len(apart.names):,} of those are more than "
            f"{MOST_PAIRS:,} pairs. Review looks for near-duplicates."
        )
        return
    context.progress(len(ingested.rows), len(ingested.rows), "comparing with holdout and test")
    names = [row.name for row in ingested.rows]
    but = apart.positions if of_itself else None
    found = alike(apart, ingested.pixels, names, context.check, but=but)
    if found.pairs:
        pairs = "; ".join(f"{name} as {other}" for name, other in found.pairs[:EXAMPLES])
        more = "; ..." if len(found.pairs) > EXAMPLES else ""
        yield (
            f"New images that show nearly the same as {whose} ({len(found.pairs):,}): "
            f"{pairs}{more}. Whatever is trained on them has seen what it is measured by: leave "
            "them unlabelled, or look at them under Review."
        )
    if found.left:
        yield (
            f"{count(found.left, 'more new image')} may show nearly the same as {whose}: too many "
            "were alike to look at all of them closely."
        )


def joined(ingested: Ingested) -> list[str]:
    """What a reader should know of images that joined a training store which was there before."""
    larger = sum(max(row.width, row.height) > ingested.size for row in ingested.rows)
    coloured = sum(row.colour for row in ingested.rows) if ingested.channels == 1 else 0
    told = what_differs(
        len(ingested.rows), larger, coloured, side=ingested.size, channels=ingested.channels
    )
    return [told] if told else []


def interrupted(attempt: int) -> Iterator[str]:
    """What a person should know of an import that needed several attempts."""
    if (died := attempt - 1) > 0:
        yield (
            f"This import was interrupted {'once' if died == 1 else f'{died:,} times'} and begun "
            "again. It is whole, and nothing of it is here twice."
        )


def notes_of(jobs: Sequence[Mapping[str, Any]]) -> dict[int, list[str]]:
    """First position -> notes of the imports since the training store was last made again.

    Args:
        jobs: the project's, newest first.
    """
    found: dict[int, list[str]] = {}
    for each in jobs:
        if each["state"] != JobState.DONE:
            continue
        if each["kind"] == JobKind.PIXELS:
            break
        result = each["result"]
        if each["kind"] == JobKind.IMPORT and result.get("notes") and "first" in result:
            found.setdefault(result["first"], result["notes"])
    return found


def nothing_new(jobs: Sequence[Mapping[str, Any]]) -> str:
    """What to say of the newest import where it added nothing; "" where it added something.

    Args:
        jobs: the project's, newest first.
    """
    done = (each for each in jobs if each["kind"] == JobKind.IMPORT)
    newest = next((each for each in done if each["state"] == JobState.DONE), None)
    if newest is None or newest["result"]["images"]:
        return ""
    yet = " yet" if newest["result"].get("held_back") else ""
    return " ".join([f"The newest import added nothing{yet}.", *newest["result"]["notes"]])


def by_reason(refused: Refusals) -> list[tuple[str, list[str]]]:
    """(reason, names) pairs, the most frequent reason first."""
    found: dict[str, list[str]] = {}
    for each in refused:
        found.setdefault(each["reason"], []).append(each["name"])
    return sorted(found.items(), key=lambda pair: -len(pair[1]))


def refusals_csv(refused: Refusals) -> bytes:
    """A table of name and reason that no spreadsheet runs as formulas."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["name", "reason"])
    for each in refused:
        writer.writerow([escape_cell(each["name"]), escape_cell(each["reason"])])
    return text.getvalue().encode()


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
