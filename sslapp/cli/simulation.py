"""The command that plays the whole loop with a simulated reader."""

import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from sslapp.cli.application import Json, access, app, command, show, table, workspace_is_named
from sslapp.cli.rounds import Method, PluginFile, Setting, parse_options
from sslapp.usecases.access import enter
from sslapp.usecases.simulation import ReaderModel, Simulation, simulate
from sslapp.usecases.training.plugins import read_plugin
from sslapp.usecases.training.rounds import DEFAULT_METHOD
from sslapp.vocabulary import Gear
from sslapp.workspace import Workspace

COLUMNS = [
    "round",
    "reader_actions",
    "labels",
    "candidates",
    "accepted",
    "accepted_precision",
    "label_accuracy",
    "test_accuracy",
    "seconds",
]


@command(app, "simulate")
def simulate_command(
    data: Annotated[
        str,
        typer.Option(help="The name of a set (`sslapp import --list`), an .npz file or a folder."),
    ] = "digits",
    root: Annotated[Path | None, typer.Option(help="Where the named sets lie.")] = None,
    method: Method = None,
    plugin: PluginFile = None,
    gear: Annotated[Gear | None, typer.Option(help="Default: the method's own.")] = None,
    options: Setting = None,
    encoder: Annotated[str, typer.Option(help="pixels or efficientnet-lite0.")] = "pixels",
    acquisition: Annotated[
        str,
        typer.Option(help="auto, typiclust, margin, random; balanced: equally many of each class."),
    ] = "auto",
    rounds: Annotated[int, typer.Option(min=1, help="How many rounds.")] = 2,
    most_rounds: Annotated[
        int,
        typer.Option(
            min=0,
            help="With --certify: further rounds up to so many, each with as many labels as all "
            "before it, while the proof would cost more than four times these.",
        ),
    ] = 0,
    labels: Annotated[int, typer.Option(min=1, help="Images labelled before each round.")] = 40,
    reviews: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Doubtful candidates judged singly after the last round. Default: 39; with "
            "--certify as many as make the proof cheaper.",
        ),
    ] = None,
    accept_above: Annotated[
        float, typer.Option(help="Bulk acceptance before the last round; above 1: none.")
    ] = 1.01,
    accept_at_last: Annotated[
        float, typer.Option(help="Bulk acceptance after the last round; 0 labels everything.")
    ] = 0.0,
    certify: Annotated[
        float | None,
        typer.Option(help="Share of all labels to prove right by an audit in the end."),
    ] = None,
    accuracy: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Chance that the reader is right.")
    ] = 1.0,
    confusion: Annotated[
        Path | None, typer.Option(help="CSV of C x C chances of the reader's wrong answers.")
    ] = None,
    fatigue: Annotated[
        float, typer.Option(min=0.0, help="Added chance of a mistake for each hour of reading.")
    ] = 0.0,
    bias: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Chance that a wrong proposal is waved through."),
    ] = 0.0,
    seconds_label: Annotated[float, typer.Option(help="Seconds to name a class.")] = 3.0,
    seconds_review: Annotated[float, typer.Option(help="Seconds to judge a proposal.")] = 1.5,
    upper_limit: Annotated[
        bool,
        typer.Option(
            "--upper-limit",
            help="Also train the supervised baseline, with the last round's network and steps, on "
            "all true labels, and say how right it is. It proposes nothing.",
        ),
    ] = False,
    seed: int = 0,
    threads: Annotated[int | None, typer.Option(min=1, help="Default: all cores.")] = None,
    as_json: Json = False,
) -> None:
    """Play the loop with a simulated reader and print a table per round.

    It plays in a temporary workspace, or in the one that `sslapp --workspace FOLDER` names.
    """
    reader = ReaderModel(
        accuracy=accuracy,
        confusion=None if confusion is None else np.loadtxt(confusion, delimiter=",", ndmin=2),
        fatigue=fatigue,
        bias=bias,
        seconds_label=seconds_label,
        seconds_review=seconds_review,
    )
    own = None if plugin is None else read_plugin(plugin)
    what = Simulation(
        data=str(Path(data).resolve()) if Path(data).exists() else data,
        root=root,
        method=method or (DEFAULT_METHOD if own is None else own.card.name),
        plugin=own,
        gear=gear,
        config=parse_options(options),
        encoder=encoder,
        acquisition=acquisition,
        rounds=rounds,
        most_rounds=most_rounds,
        labels=labels,
        reviews=reviews,
        accept_above=accept_above,
        accept_at_last=accept_at_last,
        certify=certify,
        reader=reader,
        upper_limit=upper_limit,
        seed=seed,
        threads=threads,
    )
    with tempfile.TemporaryDirectory(prefix="sslapp-") as folder:
        who = access() if workspace_is_named() else enter(Workspace(workspace=Path(folder)))
        report = simulate(who, what)

    def words() -> str:
        final = report["final"]
        head = f"{report['data']}: {report['images']} images, {report['classes']} classes, "
        head += f"{report['method']} in the {report['gear']} gear, seed {report['seed']}"
        reader_time = f"{final['reader_actions']} reader actions, {final['reader_seconds']:.0f} s"
        lines = [head, table(report["rounds"], COLUMNS), f"{reader_time} of the reader's time"]
        if proof := final.get("certificate"):
            lines.append(
                f"certified: {proof['precision']:.4f} of {proof['labels']} labels are right, by "
                f"{proof['looks']} looks that found {proof['errors']} errors"
            )
        if limit := final.get("upper_limit"):
            shares = [
                f"{limit[f'{which}_accuracy']:.4f} of {limit[which]} {which} images"
                for which in ("holdout", "test")
                if limit[which]
            ]
            said = " and ".join(shares) or "nothing is known of how right it is"
            lines.append(f"upper limit, taught all {limit['labels']} true labels: {said}")
        return "\n".join(lines)

    show(report, as_json, words)
