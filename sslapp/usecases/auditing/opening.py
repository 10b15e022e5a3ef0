"""Opening an audit: the lot and its weights are frozen first, and only then a seed is drawn."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from sslapp.review.audits.audit import Lot, Terms
from sslapp.review.audits.draw import fresh_seed
from sslapp.review.audits.forecast import choose_mix
from sslapp.store import projects
from sslapp.store.database import writing
from sslapp.store.errors import Refused
from sslapp.store.log import events
from sslapp.store.log.audits import labels_given
from sslapp.usecases.access import Access, find_project, new_key
from sslapp.usecases.auditing.lots import labels_not_blind
from sslapp.usecases.auditing.opened import (
    AboutLot,
    OpenedAudit,
    all_audits,
    find_audit,
    payload_of,
)
from sslapp.vocabulary import EventKind


def audit_labels(
    access: Access, project: str | int | None, *, target: float | None = None
) -> OpenedAudit:
    """Open an audit of every label that nobody gave singly and blind, or go on with the open one.

    The certificate rests on it alone from here on.

    Args:
        target: the precision that it is to prove; default: the project's.

    Raises:
        Refused: when every label was given singly and blind, or the target is no share.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        newest = _newest_about_labels(conn, project_id)
        if newest is not None and _has_all(conn, project_id, newest):
            return newest
        lot = labels_not_blind(conn, access.workspace, project_id)
        if not len(lot):
            raise Refused(
                "Every label was given singly and without a suggestion in sight: there is nothing "
                "to check."
            )
        return open_audit(conn, access, project_id, lot, AboutLot.LABELS, target=target)


def open_audit(
    conn: Connection,
    access: Access,
    project_id: int,
    lot: Lot,
    about: AboutLot,
    *,
    target: float | None = None,
    thresholds: Sequence[float] = (0.0,),
    round_id: int | None = None,
) -> OpenedAudit:
    """Record an audit of a lot, in the open write transaction.

    Args:
        lot: with confidences as `opened.as_kept` gives them.
        thresholds: as in review.audits.audit.Terms.
        round_id: the round that proposed its labels.

    Raises:
        Refused: when the target is no share.
    """
    settings = projects.find_project(conn, project_id).settings
    precision = settings.precision if target is None else target
    if not 0.5 <= precision < 1:
        raise Refused(f"target: {precision:g} is not at least 0.5 and below 1.")
    alpha = round(1 - settings.certainty, 12)
    planned = Terms(0, 1.0, alpha, tuple(thresholds))
    mix = choose_mix(lot, planned.share(0), allowed_errors(len(lot), precision))
    # last: whoever could choose the weights after the seed could choose what is drawn
    terms = replace(planned, seed=fresh_seed(), mix=mix)
    events.append(
        conn,
        project_id,
        EventKind.AUDIT_OPEN,
        key=new_key(),
        reader_id=access.reader_id,
        round_id=round_id,
        members=lot.positions,
        member_classes=lot.class_ids,
        payload=payload_of(lot, terms, about, precision),
    )
    return find_audit(conn, project_id)


def allowed_errors(labels: int, precision: float) -> int:
    """Wrong labels among so many that leave the precision reached."""
    return int(labels * (1 - precision) + 1e-9)


def _newest_about_labels(conn: Connection, project_id: int) -> OpenedAudit | None:
    about = [each for each in all_audits(conn, project_id) if each.about is AboutLot.LABELS]
    return about[-1] if about else None


def _has_all(conn: Connection, project_id: int, opened: OpenedAudit) -> bool:
    """Whether every label that is not singly blind is in the audit's lot as it is now."""
    given = labels_given(conn, project_id)
    return bool((given.blind | opened.audit.lot.has(given.positions, given.class_ids)).all())
