"""Commands about the words for classes, by which images are ordered before there are labels."""

from typing import Annotated

import typer

from sslapp.cli.application import Json, Project, access, app, command, show, table
from sslapp.usecases.images import prompts

prompt_app = typer.Typer(
    help="Words for the classes, which `next --strategy zero-shot` orders images by.",
    no_args_is_help=True,
)
app.add_typer(prompt_app, name="prompt")


@command(prompt_app, "list")
def list_command(project: Project = None, as_json: Json = False) -> None:
    """List the words for each class."""
    found = prompts.prompts(access(), project)
    rows = [{"class": name, "words": words} for name, words in found.items()]
    show(found, as_json, lambda: table(rows, ["class", "words"]))


@command(prompt_app, "set")
def set_command(
    class_: Annotated[str, typer.Argument(metavar="CLASS", help="The class.")],
    words: Annotated[str, typer.Argument(help='Such as "a photo of a dog"; "" for the usual.')],
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Keep other words for a class."""
    who = access()
    prompts.set_prompts(who, project, {class_: words})
    kept = prompts.prompts(who, project)[class_]
    show({"class": class_, "words": kept}, as_json, f"{class_}: {kept}")
