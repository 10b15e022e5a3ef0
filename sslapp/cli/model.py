"""Commands about trained models: take one out, read its card, predict with it elsewhere."""

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sslapp.cli.application import Json, Project, access, app, command, share, show
from sslapp.cli.jobs import wait_for
from sslapp.usecases.exporting import models, predicting

model_app = typer.Typer(help="Take trained models out of the program.", no_args_is_help=True)
app.add_typer(model_app, name="model")

Number = Annotated[int, typer.Argument(help="The round.", metavar="ROUND")]


@command(model_app, "export")
def export(
    number: Number,
    to: Annotated[Path, typer.Option(help="The .zip file, or a new folder; must not exist.")],
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for its end.")] = True,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Export a round's model: weights, classes, calibration, card, and ONNX, as a job."""
    who = access()
    result = wait_for(who, models.export_model(who, project, number, to), wait)

    def words() -> str:
        if not wait:
            return "Queued."
        why = result["why_no_onnx"]
        return f"Wrote the model of round {number} to {to}." + (
            f" It has no model.onnx: {why}" if why else ""
        )

    show(result, as_json, words)


@command(model_app, "card")
def card(number: Number, project: Project = None, as_json: Json = False) -> None:
    """Print the card of a round's model: what it was trained on, how good it is, its limits."""
    from sslapp.usecases.exporting.model_card import model_card  # scipy

    found = model_card(access(), project, number)
    show({"round": number, "card": found}, as_json, found.rstrip("\n"))


@command(app, "predict")
def predict(
    model: Annotated[Path, typer.Argument(help="What `sslapp model export` wrote.")],
    folder: Annotated[Path, typer.Argument(help="Pictures are looked for in it and below.")],
    to: Annotated[Path, typer.Option(help="The .csv file; must not exist.")],
    threshold: Annotated[
        float | None,
        typer.Option(parser=share, help="Confidence below which the class is `none`."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Predict the pictures of a folder with an exported model; needs no workspace."""
    shown = ""
    started = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal shown
        if sys.stderr.isatty():
            left = (time.monotonic() - started) / done * (total - done)
            line = f"predicting {done:,}/{total:,}, {left:.0f} s left" if done < total else ""
            typer.echo(f"\r{line:<{len(shown)}}" + ("" if line else "\r"), err=True, nl=False)
            shown = line

    found = predicting.predict_folder(model, folder, to, threshold=threshold, progress=progress)
    for name, why in found.unread.items():
        typer.echo(f"{name}: not read: {why}", err=True)
    words = f"Wrote {found.rows:,} rows to {to}"
    words += f", {found.none:,} of them `none`." if threshold is not None else "."
    if found.unread:
        words += f" {len(found.unread):,} files could not be read."
    if not found.calibrated:
        words += " The model is uncalibrated: its confidences are not to be relied on."
    show({**asdict(found), "file": str(to)}, as_json, words)
