"""Commands about rounds, and the worker that runs them."""

import signal
import threading
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from sslapp.cli.application import Json, Project, access, app, command, show, table
from sslapp.cli.jobs import wait_for
from sslapp.usecases.jobs import eta
from sslapp.usecases.training import rounds
from sslapp.usecases.training.options import COLUMNS, explained, method_options
from sslapp.usecases.training.plugins import chosen_card, read_plugin
from sslapp.vocabulary import Gear

round_app = typer.Typer(help="Start and follow rounds.", no_args_is_help=True)
app.add_typer(round_app, name="round")

Number = Annotated[int | None, typer.Argument(help="The round; default: the newest.")]
Setting = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        help="An option of the method, NAME=VALUE; may be repeated. See `sslapp round options`.",
    ),
]
Method = Annotated[
    str | None,
    typer.Option(help="A method's name; see docs/methods.md. Default: fixmatch."),
]
PluginFile = Annotated[
    Path | None,
    typer.Option(
        "--plugin",
        help="A Python file that holds a method of your own, which is run with your rights; see "
        "docs/architecture.md.",
    ),
]


def parse_options(pairs: list[str] | None) -> dict[str, Any]:
    """NAME=VALUE pairs as a mapping; the method's Config reads the values."""
    options = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f'"{pair}" is not NAME=VALUE.')
        options[name.strip().replace("-", "_")] = value.strip()
    return options


@command(round_app, "options")
def options(
    method: Annotated[
        str | None, typer.Argument(help="A method's name; not needed with --plugin.")
    ] = None,
    gear: Annotated[Gear | None, typer.Option(help="Only what counts in this gear.")] = None,
    plugin: PluginFile = None,
    as_json: Json = False,
) -> None:
    """Say what a method does, and list its options, for --set of `sslapp round start`."""
    card = chosen_card(method, None if plugin is None else read_plugin(plugin))
    found = method_options(card, gear)
    rows = [each.row() for each in found]
    words = f"{explained(card)}\n\n{table(rows, COLUMNS)}"
    show([asdict(each) for each in found], as_json, words)


@command(round_app, "start")
def start(
    method: Annotated[
        str | None,
        typer.Option(help="Default: the plugin's, or the best for these labels and features."),
    ] = None,
    plugin: PluginFile = None,
    gear: Annotated[Gear | None, typer.Option(help="Default: the method's own.")] = None,
    settings: Setting = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Default: the newest embedding's; the ensemble takes all that have learned from "
            "images."
        ),
    ] = None,
    same_as: Annotated[
        int | None, typer.Option(help="Train on the snapshot of this round, to compare methods.")
    ] = None,
    seed: int = 0,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for its end.")] = False,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Freeze a snapshot and queue a round on it."""
    from sslapp.usecases.training.preview import warnings_now  # scipy

    who = access()
    warnings = warnings_now(who, project, same_as)  # of the labels as they are
    number = rounds.start_round(
        who,
        project,
        method=method,
        gear=gear,
        config=parse_options(settings),
        encoder=encoder,
        same_as=same_as,
        seed=seed,
        plugin=None if plugin is None else read_plugin(plugin),
    )
    for sentence in warnings:
        typer.echo(sentence, err=True)
    row = rounds.round_status(who, project, number)
    result: dict[str, Any] = {"round": number}
    if wait:
        result |= wait_for(who, row["job_id"])
    queued = f"Round {number} is queued: {row['method']} in the {row['gear']} gear."
    show(result, as_json, lambda: _outcome(result) if wait else queued)


@command(round_app, "status")
def status(number: Number = None, project: Project = None, as_json: Json = False) -> None:
    """Say how a round stands."""
    row = rounds.round_status(access(), project, number)
    left = eta(row["state"], row["step"], row["total"], row["started_at"])
    result = {**row, "eta": left}
    columns = ["number", "method", "state", "step", "total", "eta", "error"]
    show(result, as_json, lambda: table([result], columns))


@command(round_app, "known")
def known(number: Number = None, project: Project = None, as_json: Json = False) -> None:
    """Say how right a finished round is about labels that it was not taught, class by class."""
    from sslapp.usecases.training.known import read_known  # scipy

    found = read_known(access(), project, number)
    if found is None:
        why = "Nothing is known of it: it was held against no label that it was not taught."
        show(None, as_json, why)
        return
    rows = [each.row() for each in found.by_class()]
    result = {
        "round": found.number,
        "rests_on": found.rests_on,
        "right": int(found.right.sum()),
        "n": len(found.right),
        "classes": rows,
        "proposals": [{"threshold": at, "count": k} for at, k in found.proposals],
        "covered": [asdict(each) for each in found.covered],
        "sentences": found.sentences(),
    }
    columns = ["class", "right", "n", "accuracy", "lower", "upper"]

    def words() -> str:
        tables = table(rows, columns), table(found.offers(), ["proposed by", "images", "remark"])
        return "\n\n".join(["\n".join(found.sentences()), *tables])

    show(result, as_json, words)


@command(round_app, "wait")
def wait(number: Number = None, project: Project = None, as_json: Json = False) -> None:
    """Wait until a round ended; exit status 1 if it failed or was cancelled."""
    who = access()
    row = rounds.round_status(who, project, number)
    result = {"round": row["number"], **wait_for(who, row["job_id"])}
    show(result, as_json, lambda: _outcome(result))


def _outcome(result: Mapping[str, Any]) -> str:
    from sslapp.words import proportion  # scipy

    measured = "no holdout label yet, so its accuracy is unknown"
    if result["holdout"]:
        share = proportion(result["holdout_accuracy"], result["holdout"])
        measured = f"holdout accuracy {share}"
    return f"Round {result['round']} is done: {measured}.{_nothing(result)}"


def _nothing(result: Mapping[str, Any]) -> str:
    """Why it proposes nothing, if it does not."""
    from sslapp.words import percent  # scipy

    if not result.get("calibrated", True):
        return " It is uncalibrated and proposes nothing."
    collapse = result.get("collapse")
    if collapse and collapse["contradicted"]:
        return (
            f" It calls {percent(collapse['share'])} of the pool one class, the holdout "
            "contradicts that, and it proposes nothing."
        )
    return ""


@command(round_app, "cancel")
def cancel(number: Number = None, project: Project = None, as_json: Json = False) -> None:
    """Cancel a round: at once while it is queued, at its next step while it runs."""
    state = rounds.cancel_round(access(), project, number)
    show(
        {"state": state},
        as_json,
        f"The round is {state}; it stops at its next step."
        if state == "running"
        else f"The round is {state}.",
    )


@command(round_app, "resume")
def resume(
    number: Number = None,
    inexact: Annotated[
        bool, typer.Option("--inexact", help="Accept another thread count or version.")
    ] = False,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Go on with a failed or cancelled round from its last checkpoint."""
    rounds.resume_round(access(), project, number, inexact=inexact)
    show({"resumed": True}, as_json, "The round is queued again.")


@command(app, "worker")
def worker(
    threads: Annotated[
        int | None, typer.Option(min=1, help="Default: as planned; all cores but one if not.")
    ] = None,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End with the queue.")] = False,
    light: Annotated[
        bool,
        typer.Option(
            "--light", help="Take only jobs that need not wait for others: looks before an import."
        ),
    ] = False,
    hung_after: Annotated[
        float, typer.Option(help="Seconds without a sign of life after which a job is taken over.")
    ] = 600.0,
) -> None:
    """Run jobs, one at a time, until stopped; SIGTERM lets it finish the job it is at."""
    from sslapp.usecases.handlers import run_worker

    told_to_end = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told_to_end.set())
    done = run_worker(
        access(),
        threads=threads,
        until_idle=until_idle,
        light=light,
        hung_after=timedelta(seconds=hung_after),
        should_end=told_to_end.is_set,
    )
    typer.echo(f"Ran {done} jobs.", err=True)
