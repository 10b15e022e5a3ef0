"""Commands about who may use the server: list readers, set them inactive and active again."""

from dataclasses import asdict

import typer

from sslapp.cli.application import Json, access, app, command, show, table
from sslapp.usecases.people import readers

reader_app = typer.Typer(help="Set readers inactive and active again.", no_args_is_help=True)
app.add_typer(reader_app, name="reader")


@command(reader_app, "list")
def reader_list(as_json: Json = False) -> None:
    """List everybody who ever signed in or was given a role."""
    found = [asdict(each) for each in readers.server_readers(access())]
    show({"readers": found}, as_json, lambda: table(found, ["name", "active", "projects"]))


@command(reader_app, "deactivate")
def reader_deactivate(name: str, as_json: Json = False) -> None:
    """Shut a reader out at once; their roles and decisions stay."""
    readers.deactivate(access(), name)
    show({"reader": name, "active": False}, as_json, f"{name} is inactive now.")


@command(reader_app, "activate")
def reader_activate(name: str, as_json: Json = False) -> None:
    """Let a reader in again, with the roles they had."""
    readers.activate(access(), name)
    show({"reader": name, "active": True}, as_json, f"{name} is active now.")
