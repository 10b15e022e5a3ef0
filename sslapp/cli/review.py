"""Commands that review a round: candidates, accept, reject, relabel, withhold, review findings."""

from typing import Annotated, Any

import numpy as np
import typer

from sslapp.cli.application import Json, Project, access, app, command, share, show, table
from sslapp.cli.jobs import Wait, wait_for
from sslapp.usecases.labelling import verdicts
from sslapp.usecases.projects import status
from sslapp.usecases.reviewing import bulk_decisions
from sslapp.usecases.reviewing.board import read_board
from sslapp.usecases.reviewing.candidates import DEFAULT_THRESHOLD, propose
from sslapp.usecases.reviewing.findings import newest_search, queued
from sslapp.usecases.reviewing.searching import start_search
from sslapp.usecases.training.preview import listed
from sslapp.vocabulary import Finding

review = typer.Typer(no_args_is_help=True, help="Find what may be wrong or odd.")
app.add_typer(review, name="review")

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
        parser=share,
        help="In place of a threshold: images whose conformal set at this coverage of every class "
        "holds one class alone, such as 0.9.",
    ),
]
ClassName = Annotated[str | None, typer.Option("--class", help="Only candidates of this class.")]
Opened = Annotated[int, typer.Option(help="How many of them you looked at one by one.")]


def _thresholds(text: str) -> tuple[float, dict[str, float]]:
    """The general threshold and those of single classes, from "0.95" or "0.95,cat=0.99".

    Raises:
        ValueError: for what is no threshold, such as 0,95, whose comma would separate two.
    """
    general: float | None = None
    per_class: dict[str, float] = {}
    for part in text.split(","):
        name, equals, value = part.rpartition("=")
        try:
            number = share(value)
        except typer.BadParameter:
            number = None
        if number is None or (not equals and general is not None):
            raise ValueError(
                f'--threshold: "{text}". A threshold is a number from 0 to 1 with a point, such as '
                "0.95, and a class's own follows as CLASS=0.99 behind a comma."
            )
        if equals:
            per_class[name.strip()] = number
        else:
            general = number
    return DEFAULT_THRESHOLD if general is None else general, per_class


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
    general, per_class = _thresholds(str(DEFAULT_THRESHOLD) if threshold is None else threshold)
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
    words = [found.doubts] if found.doubts else []
    if found.bare and class_name is None:
        words.append(f"No candidate is {listed(found.bare)}.")
    chosen = [row for row in rows if class_name is None or row["class"] == class_name]
    return chosen, "\n".join(words)


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


@command(review, "findings")
def findings(
    finding: Annotated[Finding, typer.Argument(help="What to list.")],
    round_number: Round = None,
    against: Annotated[
        int | None,
        typer.Option(help="disagree: the other round. Default: the one before it."),
    ] = None,
    limit: Annotated[int, typer.Option(help="Rows to show; 0 shows all.")] = 20,
    again: Annotated[
        bool, typer.Option("--again", help="Look again, though it was looked for before.")
    ] = False,
    wait: Wait = True,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """List suspicious labels, near-duplicates, outliers, or where two rounds disagree.

    What was not looked for yet is looked for first, as a job.
    """
    who = access()
    if against is not None and finding is not Finding.DISAGREE:
        raise ValueError("--against is about rounds that disagree.")
    project_id = status.status(who, project).project_id
    board = read_board(who, project_id, round_number)
    searched = finding is not Finding.DISAGREE
    if searched and (again or newest_search(who, project_id, finding) is None):
        job_id = start_search(who, project_id, finding, round_number=round_number)
        started = wait_for(who, job_id, wait)
        if not wait:
            show(started, as_json, f"Job {job_id} is queued.")
            return
    found = queued(who, project_id, board, finding, against)
    if found.missing:
        raise ValueError(found.missing)
    shown = found.positions[:limit] if limit else found.positions
    about = found.about(shown)
    rows = [{"position": each, "why": about[each][0]} for each in shown.tolist()]

    def words() -> str:
        return f"{len(found)} found\n{table(rows, ['position', 'why'])}"

    show({"count": len(found), "findings": rows}, as_json, words)
