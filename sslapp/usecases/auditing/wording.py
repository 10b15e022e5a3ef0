"""A certificate in words, the same for the page, the report and the command line."""

from typing import Any

from sslapp.usecases.auditing.certificate import Certificate, SelfAgreement
from sslapp.words import at_least, count


def statement(found: Certificate) -> str:
    """What is certified."""
    return (
        f"Of {count(found.labels, 'label')} at least {at_least(found.precision)} are what these "
        f"readers would say blind, with {at_least(1 - found.alpha)} confidence."
    )


def in_short(found: Certificate) -> dict[str, Any]:
    """The statement and its numbers, as an export's manifest keeps them beside the log's head."""
    return {
        "statement": statement(found),
        "labels": found.labels,
        "precision": round(found.precision, 6),
        "confidence": round(1 - found.alpha, 12),
        "blind": found.blind,
        "uncovered": found.uncovered,
    }


def derivation(found: Certificate) -> list[str]:
    """What that rests on, a sentence each."""
    said = [f"{found.blind:,} were given singly and blind, and are right by definition."]
    said += [
        f"Audit {lot.audit} of {lot.images:,}: {count(lot.looks, 'look')}, "
        f"{count(lot.mended, 'error')} found and mended."
        for lot in found.lots
    ]
    if found.lots:
        said.append(f"At most {count(found.most, 'error')} when frozen.")
    if found.changed:
        said.append(f"{found.changed:,} changed since and count as wrong.")
    if found.uncovered:
        said.append(f"{count(found.uncovered, 'label')} in no audit: each may be wrong.")
    said.append(
        f"{count(found.unlabelled, 'image')} without a label, {found.none_of_these:,} of no class."
    )
    said.append(f"By events 1 to {found.event:,}, {found.head[:16]}.")
    return said


def agreement(reader: SelfAgreement) -> str:
    """How a reader agreed with themselves."""
    if not reader.repeated:
        return f"{reader.reader} was shown no image twice."
    low, high = reader.interval
    said = f"{reader.reader} said the same of {reader.same} of {count(reader.repeated, 'image')}"
    few = "" if reader.repeated >= 30 else "; 30 would say more"
    return f"{said} shown twice, blind ({100 * low:.1f} to {100 * high:.1f} %{few})."


CLASS_NOTE = (
    "The bounds of the classes hold together; those that could hide most errors come first."
)
