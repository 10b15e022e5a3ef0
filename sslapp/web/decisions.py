"""The routes by which a page reads and decides: its outbox, and the queue of what comes next."""

from dataclasses import asdict
from typing import Any

from starlette.requests import Request

from sslapp.usecases.access import Access
from sslapp.usecases.labelling import offers, outbox, tally
from sslapp.web import answers

_LONGEST_QUEUE = 500
_LARGEST = 2**53  # the largest whole number that JavaScript can count to


def decide(access: Access, request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """Take in a page's outbox; `queue` names the images that the page has in hand."""
    project = request.path_params["project"]
    receipt = outbox.ingest(
        access, project, body.get("client", ""), body.get("items", []), numbers_in(body, "refused")
    )
    answer = {**told(receipt), "progress": asdict(tally.label_progress(access, project))}
    if "queue" in body:
        answer["gone"] = offers.keep(access, project, numbers_in(body, "queue"))
    return answer


def told(receipt: outbox.Receipt) -> dict[str, Any]:
    """What became of every decision of a request, as a page's outbox reads it."""
    return {
        "acked": [{"seq": seq, "number": number} for seq, number in receipt.acked.items()],
        "refused": [{"seq": seq, "reason": reason} for seq, reason in receipt.refused.items()],
        "conflicts": [asdict(each) for each in receipt.conflicts],
    }


def refill(access: Access, request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """Choose what the page shows next.

    A POST although it only asks: it draws the holdout and takes leases.
    """
    project = request.path_params["project"]
    offer = offers.refill(
        access,
        project,
        have=numbers_in(body, "have"),
        count=number_in(body, "count", offers.CHUNK),
        strategy=str(body.get("strategy", offers.DEFAULT_STRATEGY)),
    )
    return {
        "items": [asdict(each) for each in offer.items],
        "note": offer.note,
        "gone": offer.gone,
        "images": offer.images,
        "metadata": offer.metadata,
        "progress": asdict(tally.label_progress(access, project)),
    }


def decided(access: Access, request: Request) -> dict[str, Any]:
    """The reader's standing decisions, newest first, before an event number if one is given."""
    before = request.query_params.get("before", "")
    limit = min(int(before), _LARGEST) if before.isdecimal() and len(before) < 20 else None
    found = tally.decided(access, request.path_params["project"], limit)
    return {"decided": [asdict(each) for each in found]}


def release(access: Access, request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """The page lets go of images, or of all when it is closed."""
    positions = numbers_in(body, "positions") if "positions" in body else None
    offers.release(access, request.path_params["project"], positions)
    return {}


def numbers_in(body: dict[str, Any], name: str) -> list[int]:
    """A list of whole numbers in a request; [] where it has none."""
    found = body.get(name, [])
    whole = isinstance(found, list) and all(
        type(each) is int and 0 <= each <= _LARGEST for each in found
    )
    if not whole or len(found) > _LONGEST_QUEUE:
        raise ValueError(f"{name}: at most {_LONGEST_QUEUE} whole numbers are expected.")
    return found


def number_in(body: dict[str, Any], name: str, default: int) -> int:
    """A whole number from 1 on in a request."""
    found = body.get(name, default)
    if type(found) is not int or not 1 <= found <= _LONGEST_QUEUE:
        raise ValueError(f"{name}: a whole number from 1 to {_LONGEST_QUEUE} is expected.")
    return found


_PROJECT = "projects/{project:int}"

routes = [
    answers.commands(f"{_PROJECT}/decisions", decide),
    answers.reads(f"{_PROJECT}/decisions", decided),
    answers.commands(f"{_PROJECT}/queue", refill),
    answers.commands(f"{_PROJECT}/queue/release", release),
]
