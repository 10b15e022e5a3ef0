"""The command that chooses the projection of the embedding map."""

from sslapp.cli.application import Json, Project, access, app, command, show
from sslapp.cli.jobs import Wait, wait_for
from sslapp.usecases.images.maps import Projection, show_projection


@command(app, "map")
def map_command(
    projection: Projection,
    project: Project = None,
    seed: int = 0,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Show the embedding map by pca or umap; what is not made yet is made as a job."""
    who = access()
    job_id = show_projection(who, project, projection, seed)
    if job_id is not None:
        wait_for(who, job_id, wait)
    shown = job_id is None or wait
    result = {"projection": projection, "job_id": job_id, "shown": shown}
    words = f"The map shows {projection.upper()} now." if shown else f"Job {job_id} is queued."
    show(result, as_json, words)
