"""Commands about the weights of encoders from the hub: list, fetch and remove them."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from sslapp.cli.application import Json, Project, access, app, command, show, table
from sslapp.cli.jobs import Wait, wait_for
from sslapp.usecases.images.weights import (
    EncoderWeights,
    expected_weights,
    fetch_weights,
    remove_weights,
    weights_here,
)
from sslapp.words import size

weights_app = typer.Typer(help="Fetch and remove weights of encoders.", no_args_is_help=True)
app.add_typer(weights_app, name="weights")

Name = Annotated[
    str,
    typer.Argument(
        help="open_clip:MODEL/PRETRAINED, open_clip:hf-hub:OWNER/NAME, timm:NAME or "
        "timm:hf-hub:OWNER/NAME."
    ),
]


@command(weights_app, "list")
def list_command(as_json: Json = False) -> None:
    """List encoders that are worth fetching and those whose weights are here."""
    found = weights_here(access())

    def text() -> str:
        columns = ("encoder", "weights", "size", "numbers", "pixels", "licence", "good for")
        return table([_row(each) for each in found], columns)

    show([asdict(each) for each in found], as_json, text)


def _row(each: EncoderWeights) -> dict[str, Any]:
    known = each.known
    state = "here" if each.there else "partly here" if each.partial else "not here"
    return {
        "encoder": each.name,
        "weights": state,
        "size": size(each.size if each.there or not known else known.megabytes * 1e6),
        "numbers": known.dimensions if known else None,
        "pixels": known.side if known else None,
        "licence": each.licence or None,
        "good for": known.good_for if known else None,
    }


@command(weights_app, "fetch")
def fetch_command(
    name: Name,
    project: Project = None,
    cost: Annotated[bool, typer.Option("--cost", help="Only say how large they are.")] = False,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the licence of the weights.")
    ] = False,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Fetch the weights of an encoder from the hub, as a job; run it again to go on."""
    who = access()
    expected = expected_weights(who, name)
    home = expected.repositories[-1]
    about = f"{name}: {size(expected.size)} of {home}, licence: {expected.licence}."
    if cost:
        show(asdict(expected), as_json, about)
        return
    if not as_json:
        typer.echo(about)
    accepted = expected.licence if accept_licence and not expected.open else ""
    job_id = fetch_weights(who, project, name, licence=accepted)
    result = wait_for(who, job_id, wait)

    def text() -> str:
        if not wait:
            return f"Job {job_id} is queued."
        return f"Fetched. Embed the images with them: sslapp embed --encoder {name}"

    show(result, as_json, text)


@command(weights_app, "remove")
def remove_command(name: Name, as_json: Json = False) -> None:
    """Delete the weights of an encoder, whole or partly fetched."""
    freed = remove_weights(access(), name)
    show({"encoder": name, "bytes": freed}, as_json, f"Removed {size(freed)}.")
