"""Commands about a project as a whole: create, classes, status, verify, export, backup."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from sslapp.cli.application import Json, Project, access, app, command, show, table, workspace
from sslapp.cli.jobs import Wait, wait_for
from sslapp.usecases.access import Access
from sslapp.usecases.auditing.in_force import count_proofs
from sslapp.usecases.exporting import exports
from sslapp.usecases.images.incoming.creation import class_names, ensure_demo
from sslapp.usecases.images.sibling import make_sibling
from sslapp.usecases.images.withdrawal import plan_withdrawal
from sslapp.usecases.images.withdrawal import withdraw as withdraw_import
from sslapp.usecases.maintenance import backups
from sslapp.usecases.maintenance.files import OF_DELETED, TO_BE_REMOVED, UNKNOWN
from sslapp.usecases.maintenance.verification import Checked, rebuild, record, verify_workspace
from sslapp.usecases.people import members
from sslapp.usecases.projects import classes, deletion
from sslapp.usecases.projects.settings import ProjectSettings, create_project, rename_project
from sslapp.usecases.projects.status import status as read_status
from sslapp.vocabulary import Intensities, Role, Source
from sslapp.words import count

class_app = typer.Typer(help="Add, edit and retire classes.", no_args_is_help=True)
app.add_typer(class_app, name="class")
project_app = typer.Typer(
    help="Rename, share and delete projects; withdraw imports.", no_args_is_help=True
)
app.add_typer(project_app, name="project")


class LabelSource(StrEnum):
    """vocabulary.Source as a word on the command line; there is no label from nowhere."""

    EXPERT = "expert"
    ADJUDICATED = "adjudicated"
    ACCEPTED = "accepted"


@command(app, "init")
def init(
    name: Annotated[str, typer.Argument(help="The new project's name.")],
    classes: Annotated[
        str, typer.Option(help="Class names, comma-separated; some sources bring their own.")
    ] = "",
    flip: Annotated[
        bool, typer.Option(help="Mirrored images mean the same (not so for digits or organs).")
    ] = False,
    image_size: Annotated[
        int | None, typer.Option(help="Side in pixels for training; default: native if small.")
    ] = None,
    intensities: Annotated[
        Intensities,
        typer.Option(
            help="Black and white of images with more than 8 bits: .5 and 99.5 percentile of the "
            "image or of the set, or the extremes of the image."
        ),
    ] = Intensities.IMAGE,
    as_json: Json = False,
) -> None:
    """Create a project."""
    listed = [each.strip() for each in classes.split(",") if each.strip()]
    settings = ProjectSettings(flip=flip, image_size=image_size, intensities=intensities)
    project_id = create_project(access(), name, listed, settings)
    show({"project_id": project_id, "name": name}, as_json, f'Project "{name}" is ready.')


@command(project_app, "sibling")
def sibling(
    name: Annotated[str, typer.Argument(help="The new project's name.")],
    classes: Annotated[str, typer.Option(help="Its class names, comma-separated.")] = "",
    project: Annotated[
        str | None,
        typer.Option("--project", "-p", help="Whose images; not needed while there is only one."),
    ] = None,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Make a project over the images of another, for another finding, without importing again."""
    who = access()
    made = make_sibling(who, name, class_names(classes), of=project)
    result = wait_for(who, made.job_id, wait)
    taken = f"It has the {count(result['images'], 'image')}" if wait else "It gets the images"
    words = f'Project "{name}" is ready. {taken} of the other and decisions of its own.'
    show({"project_id": made.project_id, "name": name, **result}, as_json, words)


@command(project_app, "rename")
def rename(
    name: Annotated[str, typer.Argument(help="The name that the project gets.")],
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Give a project another name; everything decided about it stays."""
    changed = rename_project(access(), project, name)
    told = (
        f'The project is called "{name.strip()}" now.' if changed else "It has that name already."
    )
    show({"name": name.strip(), "changed": changed}, as_json, told)


@command(project_app, "withdraw")
def withdraw(
    project: Project = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")
    ] = False,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Withdraw the last import, as long as nothing is decided about or made of its images.

    Labels that came with the images, as those of an own export, go with them.
    """
    who = access()
    plan = plan_withdrawal(who, project)
    if dry_run:
        show(asdict(plan), as_json, "\n".join(plan.words()))
        return
    job_id = withdraw_import(who, project, plan.id)
    _wait_for_files(who, job_id, wait, plan.done())
    show({**asdict(plan), "job_id": job_id}, as_json, plan.done())


@command(project_app, "delete")
def delete(
    name: Annotated[str, typer.Argument(help="The project's name.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, say what would go.")] = False,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Delete a project with its images and files for good; who decided what stays in the log."""
    who = access()
    plan = deletion.plan_deletion(who, name)
    if not yes:
        asked = f"Nothing was deleted yet. Give --yes to delete {plan.name}."
        show({**asdict(plan), "deleted": False}, as_json, "\n".join([*plan.words(), asked]))
        return
    job_id = deletion.delete_project(who, name, name)
    told = f'Project "{plan.name}" is deleted, and its name is free.'
    _wait_for_files(who, job_id, wait, told)
    show({**asdict(plan), "deleted": True, "job_id": job_id}, as_json, told)


def _wait_for_files(who: Access, job_id: int, wait: bool, done: str) -> None:
    """Wait until files that nothing names any more are deleted.

    Raises:
        ValueError: when that failed: what was done stays done.
    """
    try:
        wait_for(who, job_id, wait)
    except ValueError as error:
        raise ValueError(f"{done} Files of it are there still: {error}") from error


@command(class_app, "add")
def class_add(name: str, project: Project = None, as_json: Json = False) -> None:
    """Add a class."""
    number = classes.add_class(access(), project, name)
    show({"class_id": number, "name": name}, as_json, f'Class "{name}" is added.')


@command(class_app, "retire")
def class_retire(name: str, project: Project = None, as_json: Json = False) -> None:
    """Retire a class: its labels no longer count, its number is never used again."""
    classes.retire_class(access(), project, name)
    show({"retired": name}, as_json, f'Class "{name}" is retired.')


@command(class_app, "edit")
def class_edit(
    name: str,
    to: Annotated[str | None, typer.Option(help="The new name.")] = None,
    colour: Annotated[str | None, typer.Option(help="As #rrggbb.")] = None,
    key: Annotated[str | None, typer.Option(help="The key that labels it.")] = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Rename or recolour a class, or give it another key."""
    changed = classes.edit_class(access(), project, name, name=to, colour=colour, key=key)
    text = f'Class "{to or name}" is changed.' if changed else "Nothing differs from what it was."
    show({"class": to or name, "changed": changed}, as_json, text)


@command(app, "grant")
def grant(reader: str, role: Role, project: Project = None, as_json: Json = False) -> None:
    """Give a reader a role: reader, adjudicator or admin."""
    members.grant(access(), project, reader, role)
    show({"reader": reader, "role": role}, as_json, f"{reader} is {role} now.")


@command(app, "demo")
def demo(as_json: Json = False) -> None:
    """Create the digits demo project unless it is there; a worker fills it."""
    made = ensure_demo(access())
    text = "The digits demo is on its way." if made else "The digits demo is there."
    show({"created": made}, as_json, text)


@command(app, "status")
def status(project: Project = None, as_json: Json = False) -> None:
    """Say how a project stands."""
    who = access()
    found = read_status(who, project)
    proofs = count_proofs(who, found.project_id)
    per_class = [
        {
            "class": each.name,
            "key": each.key,
            **{source.name.lower(): int(found.per_class[i, source]) for source in list(Source)[1:]},
        }
        for i, each in enumerate(found.classes)
    ]
    result: dict[str, Any] = {
        "project": found.name,
        "counts": found.counts,
        "proofs": proofs,
        "classes": per_class,
        "rounds": found.rounds,
        "jobs": found.jobs,
        "head": {"event": found.head[0], "hash": found.head[1]},
    }

    def words() -> str:
        listed = [*found.counts.items(), *((f"labels {name}", n) for name, n in proofs.items())]
        counts = "\n".join(f"{name:>18}  {value}" for name, value in listed)
        rounds = table(found.rounds, ["number", "method", "gear", "state", "step", "total"])
        classes = table(per_class, ["class", "key", "expert", "adjudicated", "accepted"])
        return f"{found.name}\n{counts}\n\n{classes}\n\n{rounds}"

    show(result, as_json, words)


@command(app, "verify")
def verify(
    project: Project = None,
    head: Annotated[
        str | None,
        typer.Option(help="Hash, or its beginning, that an export or a report printed."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Rows alone; no file is read.")] = False,
    record_: Annotated[
        bool,
        typer.Option("--record", help="Keep the hashes that an older version did not keep."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the database, the log, every table and every file; exit status 1 if one is damaged."""
    if record_:
        count = record(workspace())
        show({"recorded": count}, as_json, f"Recorded {count} rows and files.")
        return
    found = verify_workspace(workspace(), project, head=head, quick=quick)
    show({"ok": found.ok, **asdict(found)}, as_json, lambda: _verdict(found, quick))
    if not found.ok:
        raise typer.Exit(1)


def _verdict(found: Checked, quick: bool) -> str:
    lines = [f"Damaged: {each}" for each in found.every_problem]
    for name, each in found.projects.items():
        if each.ok:
            agree = "chain and tables agree" if quick else "chain, tables and files agree"
            whole = f"{each.events} events, {agree}, head {each.head}"
            lines.append(whole if len(found.projects) == 1 else f"{name}: {whole}")
        lines += [f"Not recorded: {note}" for note in each.notes]
    if any(each.notes for each in found.projects.values()):
        lines.append("`sslapp verify --record` records it from now on.")
    shown = (UNKNOWN, OF_DELETED, TO_BE_REMOVED)
    lines += [f"Left over: {each}" for each in found.leftovers if each.endswith(shown)]
    return "\n".join(lines) or "There is no project yet."


@command(app, "rebuild")
def rebuild_tables(project: Project = None, as_json: Json = False) -> None:
    """Derive labels, holdout and what else follows from the event log again."""
    names = rebuild(workspace(), project)
    show({"projects": names}, as_json, f"Derived again: {', '.join(names) or 'nothing'}.")


@command(app, "export")
def export(
    target: Annotated[Path, typer.Argument(help="File or folder to write; must not exist.")],
    project: Project = None,
    format_: Annotated[
        exports.Format | None, typer.Option("--format", help="Default: by the target's ending.")
    ] = None,
    source: Annotated[
        list[LabelSource] | None,
        typer.Option(help="Only labels from here; may be given again. Default: from everywhere."),
    ] = None,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Export the current labels with their sources, as a job."""
    who = access()
    wanted = [Source[each.name] for each in source or LabelSource]
    job_id = exports.export(who, project, target, format_, sources=wanted)
    result = wait_for(who, job_id, wait)

    def words() -> str:
        if not wait:
            return "Queued."
        what = f"{result['rows']} labels" if "rows" in result else "the report"
        return f"Wrote {what} to {target}. Log head {result['head']}."

    show(result, as_json, words)


@command(app, "report")
def report(
    target: Annotated[Path, typer.Argument(help="The .html file to write; must not exist.")],
    project: Project = None,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Write a report of the project that opens in any browser without a network, as a job."""
    who = access()
    job_id = exports.export(who, project, target, exports.Format.REPORT)
    result = wait_for(who, job_id, wait)
    words = f"Wrote the report to {target}. Log head {result['head']}." if wait else "Queued."
    show(result, as_json, words)


@command(app, "backup")
def backup(
    target: Annotated[Path, typer.Argument(help="The .tar file to write.")], as_json: Json = False
) -> None:
    """Write the whole workspace to one file."""
    size = backups.backup(access(), target)
    show({"file": str(target), "bytes": size}, as_json, f"Wrote {size:,} bytes to {target}.")


@command(app, "restore")
def restore(
    source: Annotated[Path, typer.Argument(help="A file that `backup` wrote.")],
    as_json: Json = False,
) -> None:
    """Unpack a backup into the (empty) workspace and verify it."""
    names = backups.restore(source, workspace())
    show({"projects": names}, as_json, f"Restored and verified: {', '.join(names) or 'nothing'}.")
