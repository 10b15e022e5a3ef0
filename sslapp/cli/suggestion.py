"""The command that compares methods on the reader's own labels and suggests one."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from sslapp.cli.application import Json, Project, access, app, command, show, table
from sslapp.cli.jobs import wait_for
from sslapp.usecases.training.options import CHALLENGERS
from sslapp.usecases.training.suggestion import Suggested, suggested_now
from sslapp.usecases.training.trials import start_trials


@command(app, "suggest")
def suggest(
    also: Annotated[
        list[str] | None,
        typer.Option(
            help="What trains for minutes, to be compared as well, on a third of the "
            f"labels: {', '.join(CHALLENGERS)}; may be repeated."
        ),
    ] = None,
    last: Annotated[
        bool, typer.Option("--last", help="Say what the last comparison came to; start none.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for its end.")] = True,
    seed: int = 0,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Compare methods on your own labels, and say which to train and why."""
    if last and also:
        raise ValueError("--last starts no comparison, so nothing can be added to it by --also.")
    who = access()
    if not last:
        job_id = start_trials(who, project, also=also or [], seed=seed)
        if not wait:
            show({"job_id": job_id}, as_json, f"The comparison is queued as job {job_id}.")
            return
        wait_for(who, job_id)
    found = suggested_now(who, project)
    show(_result(found), as_json, lambda: _text(found))


def _result(found: Suggested) -> dict[str, Any]:
    return {
        **asdict(found.suggestion),
        "labelled": found.labelled,
        "interval_confidence": 1 - found.alpha,
        "trials": [
            {**each.row(), "accuracy": each.accuracy, "difference": each.difference}
            | {"interval": list(each.interval(found.alpha))}
            for each in found.trials
        ],
    }


def _text(found: Suggested) -> str:
    if not found.trials:
        return found.suggestion.reason
    return f"{table(found.rows, list(found.rows[0]))}\n{found.suggestion.reason}"
