"""The routes by which a page answers an audit: what comes next, and its outbox.

Nothing that they send says what an image is called, predicted or near to.
"""

from dataclasses import asdict
from typing import Any

from starlette.requests import Request

from sslapp.usecases.access import Access
from sslapp.usecases.auditing import answers as audit_answers
from sslapp.usecases.auditing.progress import (
    MEND_FIRST,
    AuditProgress,
    audit_progress,
)
from sslapp.usecases.labelling import offers
from sslapp.web import answers
from sslapp.web.decisions import number_in, numbers_in, release, told


def audit_queue(access: Access, request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """The next images of the audit's queue; a POST, because it takes leases."""
    project, audit = _named(request)
    found = audit_answers.more_looks(
        access,
        project,
        audit,
        count=number_in(body, "count", offers.CHUNK),
        have=numbers_in(body, "have"),
    )
    return {
        "items": [{**asdict(each), "reason": "", "strategy": "audit"} for each in found.looks],
        "note": "",
        "gone": found.gone,
        "images": found.images,
        "progress": _shown(access, project, audit),
    }


def audit_decide(access: Access, request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """Take in the page's outbox."""
    project, audit = _named(request)
    receipt = audit_answers.ingest_answers(
        access,
        project,
        audit,
        body.get("client", ""),
        body.get("items", []),
        refused=numbers_in(body, "refused"),
    )
    return {**told(receipt), "progress": _shown(access, project, audit)}


def audit_decided(access: Access, request: Request) -> dict[str, Any]:
    """The reader's last answer in the audit, which alone can still be taken back unseen."""
    project, audit = _named(request)
    found = audit_answers.last_answer(access, project, audit)
    first = "before" not in request.query_params
    return {"decided": [asdict(found)] if first and found is not None else []}


def _named(request: Request) -> tuple[int, int]:
    return request.path_params["project"], request.path_params["audit"]


def _shown(access: Access, project: int, audit: int) -> dict[str, Any]:
    """What the page shows of the proof, without the answer that can still be taken back."""
    found: AuditProgress = audit_progress(access, project, audit, reading_on=True)
    whole = found.whole
    return {
        "images": found.images,
        "looks": whole.looks,
        "errors": whole.mended,
        "precision": whole.precision,
        "target": found.target,
        "proven": found.proven,
        "expected": found.expected,
        "further": whole.further,
        "advice": MEND_FIRST if found.mend_first else "",
    }


_AUDIT = "projects/{project:int}/audits/{audit:int}"

routes = [
    answers.commands(f"{_AUDIT}/decisions", audit_decide),
    answers.reads(f"{_AUDIT}/decisions", audit_decided),
    answers.commands(f"{_AUDIT}/queue", audit_queue),
    answers.commands(f"{_AUDIT}/queue/release", release),
]
