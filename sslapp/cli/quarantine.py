"""Commands about images that imports hold back: list, look at, release and discard them."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sslapp.cli.application import Json, Project, access, app, command, show, table
from sslapp.cli.jobs import Wait, wait_for
from sslapp.usecases.images.incoming.quarantine.looking_through import (
    held_picture,
    held_series,
)
from sslapp.usecases.images.incoming.quarantine.releasing import Rectangle, discard, release
from sslapp.words import count

quarantine_app = typer.Typer(
    help="Look through images that may show a name, and release or discard them; for admins.",
    no_args_is_help=True,
)
app.add_typer(quarantine_app, name="quarantine")

Series = Annotated[list[str], typer.Argument(help="Series, as `list` names them.")]


@command(quarantine_app, "list")
def list_command(project: Project = None, as_json: Json = False) -> None:
    """List the series of which images are held back, and why."""
    found = held_series(access(), project)
    rows = [
        {
            "series": each.label,
            "import": each.title,
            "modality": each.modality,
            "images": each.images,
            "pixels": ", ".join(f"{width} x {height}" for width, height in each.sizes),
            "why": each.reasons,
        }
        for each in found
    ]

    def text() -> str:
        columns = ("series", "import", "modality", "images", "pixels", "why")
        return table(rows, columns) if rows else "Nothing is held back."

    show([asdict(each) for each in found], as_json, text)


@command(quarantine_app, "picture")
def picture_command(
    image: Annotated[str, typer.Argument(help="An image, as `list --json` names it.")],
    output: Annotated[Path, typer.Option(help="The PNG file to write; it must not be there.")],
    frame: Annotated[int, typer.Option(min=1, help="Of an image of several: which, from 1.")] = 1,
    project: Project = None,
) -> None:
    """Write the picture of an image that is held back. It may show a name: mind where it goes."""
    if output.exists():
        raise ValueError(f"{output} exists already. Name a file that does not.")
    output.write_bytes(held_picture(access(), project, image, frame - 1))
    typer.echo(f"{output} is written. It may show a name: delete it when you have seen it.")


@command(quarantine_app, "release")
def release_command(
    series: Series,
    project: Project = None,
    black: Annotated[
        list[str] | None,
        typer.Option(
            help="A rectangle X,Y,WIDTH,HEIGHT in pixels of the pictures as they are seen, that is "
            "black in every image of these series; may be repeated. Without one you say that you "
            "saw that they show nobody's name."
        ),
    ] = None,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Import series that are held back, as a job, with rectangles blacked out or as they are."""
    who = access()
    job_id = release(who, project, series, [Rectangle.parse(each) for each in black or ()])
    result = wait_for(who, job_id, wait)

    def words() -> str:
        if not wait:
            return f"Job {job_id} is queued."
        refused = [f"  refused {each['name']}: {each['reason']}" for each in result["refused"]]
        return "\n".join(
            [f"Imported {count(result['images'], 'image')}.", *result["notes"], *refused]
        )

    show(result, as_json, words)


@command(quarantine_app, "discard")
def discard_command(series: Series, project: Project = None, as_json: Json = False) -> None:
    """Throw series away that are held back; what they came from can be imported again."""
    number = discard(access(), project, series)
    show(
        {"images": number}, as_json, f"Discarded {count(number, 'image')}; a job deletes the files."
    )
