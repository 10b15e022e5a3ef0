"""What the review desk asks about the image in focus."""

from typing import Any

from starlette.requests import Request

from sslapp.store.errors import Unknown
from sslapp.usecases.access import Access
from sslapp.usecases.reviewing.inspection import Inspection, Tile, inspect
from sslapp.vocabulary import Space
from sslapp.web import answers


def inspection(access: Access, request: Request) -> dict[str, Any]:
    """Answer with the round's view of one image, if a round is named, and with the evidence."""
    path = request.path_params
    asked = request.query_params.get("space")
    if asked not in (None, *Space):
        raise Unknown(f'There is no space "{asked}"; choose round or encoder.')
    space = None if asked is None else Space(asked)
    found = inspect(access, path["project"], path.get("number"), path["position"], space)
    return {
        "position": found.tile.position,
        "name": found.name,
        **_tile(found.tile),
        **_rest(found),
    }


def _tile(tile: Tile) -> dict[str, Any]:
    label = tile.label
    return {
        "proposed": tile.proposed,
        "confidence": round(tile.confidence, 4),
        "withheld": tile.withheld,
        "label": None
        if label is None
        else {"class": label.class_id, "source": label.source.name.lower(), "reader": label.reader},
    }


def _rest(found: Inspection) -> dict[str, Any]:
    return {
        "lines": [
            {
                "class": each.class_id,
                "raw": round(each.raw, 4),
                "calibrated": round(each.calibrated, 4),
                "forbidden": each.forbidden,
            }
            for each in found.lines
        ],
        "members": [
            {"name": each.name, "class": each.class_id, "share": round(each.share, 4)}
            for each in found.members
        ],
        "apart": round(found.apart, 3),
        "temperature": round(found.temperature, 3),
        "calibrated": found.calibrated,
        "calibration": found.calibration,
        "before": found.before,
        "embedded": found.embedded,
        "space": found.space.value,
        "evidence": [
            {
                "position": each.position,
                "image": each.image,
                "class": each.class_id,
                "distance": round(each.distance, 4),
            }
            for each in found.evidence
        ],
    }


routes = [
    answers.reads("projects/{project:int}/rounds/{number:int}/images/{position:int}", inspection),
    answers.reads("projects/{project:int}/inspection/{position:int}", inspection),
]
