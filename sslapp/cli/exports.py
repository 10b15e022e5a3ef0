"""Commands about the exports that are kept in the workspace: list and delete them."""

from dataclasses import asdict
from typing import Annotated

import typer

from sslapp.cli.application import Json, Project, access, app, command, show, table
from sslapp.usecases.exporting.exported import delete_export, exports_of
from sslapp.words import size

exports_app = typer.Typer(
    help="List and delete the exports kept in the workspace.", no_args_is_help=True
)
app.add_typer(exports_app, name="exports")


@command(exports_app, "list")
def exports_list(project: Project = None, as_json: Json = False) -> None:
    """List the project's exports, newest first."""
    found = [asdict(each) for each in exports_of(access(), project)]
    rows = [{**each, "job": each["job_id"], "kept": each["fetchable"]} for each in found]
    for row in rows:
        row["size"] = None if row["bytes"] is None else size(row["bytes"])
    columns = ["job", "format", "state", "by", "rows", "round", "size", "kept"]
    show({"exports": found}, as_json, lambda: table(rows, columns))


@command(exports_app, "rm")
def exports_rm(
    jobs: Annotated[list[int], typer.Argument(help="Numbers of the exports, as `list` tells.")],
    as_json: Json = False,
) -> None:
    """Delete the files of exports; the labels and the record of the exports stay."""
    who = access()
    for job in jobs:
        delete_export(who, job)
    show({"deleted": jobs}, as_json, f"Deleted {', '.join(map(str, jobs))}.")
