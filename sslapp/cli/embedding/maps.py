"""The command that chooses the projection of the embedding map, or of a round's own."""

from typing import Annotated

import typer

from sslapp.cli.application import Json, Project, access, app, command, show
from sslapp.cli.jobs import Wait, wait_for
from sslapp.usecases.images.maps import show_projection
from sslapp.usecases.training.round_maps import show_map_of_round
from sslapp.vocabulary import Projection

Round = Annotated[
    int | None,
    typer.Option("--round", help="The map of this round's own features, not the encoder's."),
]


@command(app, "map")
def map_command(
    projection: Projection,
    project: Project = None,
    number: Round = None,
    seed: int = 0,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Show the embedding map by pca or umap; what is not made yet is made as a job."""
    who = access()
    if number is None:
        job_id = show_projection(who, project, projection, seed)
    else:
        job_id = show_map_of_round(who, project, number, projection, seed)
    if job_id is not None:
        wait_for(who, job_id, wait)
    shown = job_id is None or wait
    of_round = {} if number is None else {"round": number}
    result = {"projection": projection, **of_round, "job_id": job_id, "shown": shown}
    which = "The map" if number is None else f"The map of round {number}"
    words = f"{which} shows {projection.upper()} now." if shown else f"Job {job_id} is queued."
    show(result, as_json, words)
