"""Commands that review a round's candidates: candidates, accept, reject, relabel, withhold."""

from typing import Annotated, Any

import numpy as np
import typer

from sslapp.cli.application import Json, Project, access, app, command, show, table
from sslapp.usecases.labelling import verdicts
from sslapp.usecases.projects import status
from sslapp.usecases.reviewing import bulk_decisions
from sslapp.usecases.reviewing.candidates import DEFAULT_THRESHOLD, propose

Round = Annotated[int | None, typer.Option("--round", help="Default: the newest finished one.")]
Positions = Annotated[
    list[int] | None, typer.Argument(help="Images; or select by threshold or coverage.")
]
Threshold = Annotated[
    str | None,
    typer.Option(
        help="Least calibrated confidence; 0.95,CLASS=0.99 sets a class's own. Candidates are "
        "listed at 0.95 by default."
    ),
]
Coverage = Annotated[
    float | None,
    typer.Option(
        help="In place of a threshold: images whose conformal set at this coverage of every class "
        "holds one class alone, such as 0.9."
    ),
]
ClassName = Annotated[str | None, typer.Option("--class", help="Only candidates of this class.")]
Opened = Annotated[int, typer.Option(help="How many of them you looked at one by one.")]


def _thresholds(text: str) -> tuple[float, dict[str, float]]:
    """The general threshold and those of single classes, from "0.95" or "0.95,cat=0.99"."""
    general, per_class = DEFAULT_THRESHOLD, {}
    for part in text.split(","):
        name, equals, value = part.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            raise ValueError(
                f'--threshold: "{part}" is neither a number nor CLASS=NUMBER.'
            ) from None
        if equals:
            per_class[name.strip()] = number
        else:
            general = number
    return general, per_class


def _selected(
    project: str | None,
    threshold: str | None,
    coverage: float | None,
    round_number: int | None,
    class_name: str | None,
) -> tuple[list[dict[str, Any]], str]:
    """Rows of the candidates, and what to know about all of them."""
    who = access()
    if threshold is not None and coverage is not None:
        raise ValueError("Name either --threshold or --coverage.")
    general, per_class = _thresholds(threshold or str(DEFAULT_THRESHOLD))
    found = propose(
        who,
        project,
        threshold=general,
        per_class=per_class,
        coverage=coverage,
        round_number=round_number,
    )
    names = {each.id: each.name for each in status.status(who, project).classes}
    rows = [
        {
            "position": int(position),
            "class": names.get(int(found.predictions.class_ids[column])),
            "confidence": round(float(confidence), 6),
        }
        for position, column, confidence in zip(
            found.candidates.positions,
            found.candidates.columns,
            found.candidates.confidence,
            strict=True,
        )
    ]
    return [row for row in rows if class_name is None or row["class"] == class_name], found.doubts


@command(app, "candidates")
def candidates(
    threshold: Threshold = None,
    coverage: Coverage = None,
    class_name: ClassName = None,
    round_number: Round = None,
    limit: Annotated[int, typer.Option(help="Rows to show; 0 shows all.")] = 20,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """List a round's candidates, most doubtful first."""
    rows, doubts = _selected(project, threshold, coverage, round_number, class_name)
    at = _rule(threshold or str(DEFAULT_THRESHOLD), coverage)
    shown = rows[:limit] if limit else rows

    def words() -> str:
        listed = table(shown, ["position", "class", "confidence"])
        said = f"\n{doubts}" if doubts else ""
        return f"{len(rows)} candidates at {at}{said}\n{listed}"

    found: dict[str, Any] = {"count": len(rows), "candidates": shown}
    show({**found, "doubts": doubts} if doubts else found, as_json, words)


def _rule(threshold: str | None, coverage: float | None) -> str:
    return f"{threshold}" if coverage is None else f"a coverage of {coverage:g}"


def _wanted(
    positions: list[int] | None,
    threshold: str | None,
    coverage: float | None,
    project: str | None,
    round_number: int | None,
    class_name: str | None,
) -> list[int]:
    if bool(positions) == (threshold is not None or coverage is not None):
        raise ValueError("Name either positions or --threshold or --coverage.")
    if positions:
        return positions
    rows, doubts = _selected(project, threshold, coverage, round_number, class_name)
    chosen = [row["position"] for row in rows]
    if not chosen:
        raise ValueError(f"There is no candidate at {_rule(threshold, coverage)}. {doubts}".strip())
    return chosen


@command(app, "accept")
def accept(
    positions: Positions = None,
    threshold: Threshold = None,
    coverage: Coverage = None,
    class_name: ClassName = None,
    opened: Opened = 0,
    unproven: Annotated[
        bool,
        typer.Option(
            "--unproven", help="Accept although no audit proves the precision the project wants."
        ),
    ] = False,
    round_number: Round = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Accept single images (one event each), or all candidates of a rule (one event)."""
    wanted = _wanted(positions, threshold, coverage, project, round_number, class_name)
    if positions:
        made = verdicts.accept(access(), project, wanted, round_number=round_number)
    else:
        rule = {"threshold": threshold} if coverage is None else {"coverage": coverage}
        why = {**rule, "class": class_name}
        event = bulk_decisions.bulk_accept(
            access(),
            project,
            np.array(wanted, dtype=np.int64),
            round_number=round_number,
            opened=opened,
            payload=why,
            unproven=unproven,
        )
        made = [event]
    numbers = [each.number for each in made]
    show({"accepted": len(wanted), "events": numbers}, as_json, f"Accepted {len(wanted)} labels.")


@command(app, "reject")
def reject(
    position: int,
    class_name: Annotated[
        str | None, typer.Option("--class", help="Default: the proposed class.")
    ] = None,
    round_number: Round = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Say that an image you looked at is not of the proposed class."""
    event = verdicts.reject(access(), project, position, class_name, round_number=round_number)
    show({"event": event.number}, as_json, f"Saved as event {event.number}.")


@command(app, "relabel")
def relabel(
    position: int,
    class_name: str,
    round_number: Round = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Give an image the right class instead of the proposed one."""
    event = verdicts.relabel(access(), project, position, class_name, round_number=round_number)
    show({"event": event.number}, as_json, f"Saved as event {event.number}.")


@command(app, "withhold")
def withhold(
    positions: Positions = None,
    threshold: Threshold = None,
    coverage: Coverage = None,
    class_name: ClassName = None,
    opened: Opened = 0,
    round_number: Round = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Take candidates off the list until the next round; nothing is learnt from it."""
    wanted = _wanted(positions, threshold, coverage, project, round_number, class_name)
    event = bulk_decisions.withhold(
        access(), project, wanted, round_number=round_number, opened=opened
    )
    show({"withheld": len(wanted), "event": event.number}, as_json, f"Withheld {len(wanted)}.")
