"""Commands that label: next, label, none, unsure, skip, flag, undo, history, duplicates."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from sslapp import words
from sslapp.cli.application import Json, Project, access, app, command, show, table
from sslapp.cli.jobs import Wait, wait_for
from sslapp.usecases.images.own_labels.plan import plan_import
from sslapp.usecases.labelling import decisions, duplicates, picks, worksheets
from sslapp.usecases.labelling.label_lists import ClassReading, ListReading, written_classes
from sslapp.usecases.labelling.lists import ListChoice, ListUse, import_as, plan_as
from sslapp.usecases.reviewing.past_decisions import PAGE, Action, past_decisions
from sslapp.vocabulary import EventKind

Position = Annotated[int, typer.Argument(help="The image's position in the project.")]


@command(app, "next")
def next_command(
    count: Annotated[int, typer.Option("--count", "-n", help="How many images.")] = 10,
    strategy: Annotated[
        str,
        typer.Option(help="auto, typiclust, zero-shot, margin, disagreement, random or holdout."),
    ] = "auto",
    seed: int = 0,
    to: Annotated[
        Path | None,
        typer.Option(help="New folder for their pictures and a labels.csv to fill in."),
    ] = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Say which images to label next, and why."""
    who = access()
    found = picks.next_images(who, project, count, strategy=strategy, seed=seed)
    if to is not None:
        worksheets.write_worksheet(who, project, [each.position for each in found], to)
    rows = [vars(each) for each in found]
    show(rows, as_json, lambda: table(rows, ["position", "holdout", "strategy", "reason"]))


@command(app, "label")
def label(
    what: Annotated[
        str,
        typer.Argument(
            help="A position, or a list of labels: .csv, .tsv, .xlsx, .parquet or .jsonl."
        ),
    ],
    class_name: Annotated[str | None, typer.Argument(help="The class of that image.")] = None,
    adjudicate: Annotated[bool, typer.Option(help="Settle a disagreement of readers.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Of a list: say what would come, change nothing.")
    ] = False,
    image_column: Annotated[
        str | None, typer.Option(help="Heading of the column that names the image.")
    ] = None,
    class_column: Annotated[
        str | None, typer.Option(help="Heading of the column with the class.")
    ] = None,
    confidence_column: Annotated[
        str | None,
        typer.Option(help="Of proposals: heading of the column that says how sure a class is."),
    ] = None,
    classes_of: Annotated[
        list[str] | None,
        typer.Option(
            help="What is written in the list = the project's class, with commas between, as in "
            "0=normal,1=pneumonia; or `order`: number k is the project's class k, from 0."
        ),
    ] = None,
    finding: Annotated[
        str | None, typer.Option(help="Take this one finding of a list with several as yes or no.")
    ] = None,
    yes: Annotated[str | None, typer.Option(help="The class of images with the finding.")] = None,
    no: Annotated[str | None, typer.Option(help="The class of images without it.")] = None,
    only_matched: Annotated[
        bool, typer.Option("--only-matched", help="Leave out lines whose image is not here.")
    ] = False,
    all_of: Annotated[
        bool,
        typer.Option(
            "--all-of",
            help="A line that names a patient, study or series of DICOM files labels all its "
            "images.",
        ),
    ] = False,
    use: Annotated[
        ListUse,
        typer.Option(
            "--as",
            help="What a list becomes: labels; hidden true labels (truth; for admins), which "
            "simulations and the final score alone read; or a round of proposals to review, of "
            "what another model predicted.",
        ),
    ] = ListUse.LABELS,
    given_by: Annotated[
        str | None,
        typer.Option(help="The reader who gave the labels, if another; for admins."),
    ] = None,
    metadata: Annotated[
        str,
        typer.Option(
            help="Further columns of a list of labels to keep as metadata, with commas between; "
            "for admins."
        ),
    ] = "",
    sheet: Annotated[str | None, typer.Option(help="Of a workbook; default: the first.")] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Of a text, such as gbk; default: the one that is found.")
    ] = None,
    wait: Wait = True,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Give one image a class, or many from a list (all of them or none)."""
    if class_name is None:
        numbers, by_order = written_classes(",".join(classes_of or []))
        wanted = ListReading(
            sheet=sheet,
            encoding=encoding,
            image_column=image_column,
            classes=ClassReading(
                column=class_column,
                classes_of=numbers,
                by_order=by_order,
                finding=finding,
                yes=yes,
                no=no,
            ),
            only_matched=only_matched,
            all_of=all_of,
            confidence_column=confidence_column,
        )
        kept = tuple(each.strip() for each in metadata.split(",") if each.strip())
        if kept and use is not ListUse.LABELS:
            raise ValueError("--metadata goes with labels. `sslapp metadata LIST` takes any list.")
        choice = ListChoice(use=use, reading=wanted, given_by=given_by, metadata=kept)
        _bring_list(project, Path(what), choice, dry_run=dry_run, wait=wait, as_json=as_json)
        return
    if dry_run or use is not ListUse.LABELS:
        raise ValueError(f"{'--dry-run' if dry_run else '--as'} is for a list of labels.")
    if not what.isdecimal():
        raise ValueError(f'"{what}" is not a position. Give `POSITION CLASS` or one list.')
    event = decisions.label(access(), project, int(what), class_name, adjudicate=adjudicate)
    show({"event": event.number}, as_json, f"Saved as event {event.number}.")


def _bring_list(
    project: str | None,
    path: Path,
    choice: ListChoice,
    *,
    dry_run: bool,
    wait: bool,
    as_json: bool,
) -> None:
    who, as_labels = access(), choice.use is ListUse.LABELS
    own = as_labels and worksheets.is_own(path)
    about = (who, project, path, path.name, choice)
    if dry_run:
        plan = plan_import(who, project, path) if own else plan_as(*about)
        assert plan is not None
        show(asdict(plan), as_json, lambda: "\n".join(plan.words()))
        return
    if not as_labels:
        saved = import_as(*about)
        if saved.job_id is None:
            show({str(choice.use): saved.number}, as_json, saved.said)
            return
        result = {"round": saved.number, **wait_for(who, saved.job_id, wait)}
        said = f"Round {saved.number} holds what {path.name} proposes." if wait else saved.said
        show(result, as_json, said)
        return
    if own and choice.metadata:
        raise ValueError(
            f"{path.name} is an export of sslapp, whose labels come alone. Take its columns with "
            f"`sslapp metadata {path.name}`."
        )
    number = worksheets.label_from_list(who, project, path) if own else import_as(*about).number
    whose = "with who gave each" if own else f"as {choice.given_by or who.reader}'s own"
    show(
        {"labels": number} | ({"own": True} if own else {}),
        as_json,
        f"Saved {words.count(number, 'label')} {whose}.",
    )


@command(app, "none")
def none(
    positions: Annotated[list[int], typer.Argument(help="Images that you looked at.")],
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Say that none of the classes fits images: they leave the pool, and rounds learn from it."""
    numbers = [each.number for each in decisions.none_of_these(access(), project, positions)]
    said = f"Saved as event {numbers[0]}." if len(numbers) == 1 else f"Saved {len(numbers)} events."
    show({"events": numbers}, as_json, said)


def _note(kind: EventKind, about: str) -> None:
    @command(app, kind.value)
    def note(
        position: Position,
        comment: Annotated[str, typer.Option(help="A word about it.")] = "",
        project: Project = None,
        as_json: Json = False,
    ) -> None:
        payload = {"comment": comment} if comment else None
        event = decisions.note(access(), project, kind, position, payload=payload)
        show({"event": event.number}, as_json, f"Saved as event {event.number}.")

    note.__doc__ = about


_note(EventKind.UNSURE, "Say that you cannot tell an image's class.")
_note(EventKind.SKIP, "Pass an image over; it is not offered to you again by itself.")
_note(EventKind.FLAG, "Mark an image for somebody else to look at.")


@command(app, "undo")
def undo(
    number: Annotated[int, typer.Argument(help="The event to take back.")],
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Take back one of your own decisions."""
    event = decisions.undo(access(), project, number)
    show({"event": event.number}, as_json, f"Event {number} is undone (event {event.number}).")


@command(app, "history")
def history(
    reader: Annotated[str | None, typer.Option("--by", help="Only this reader's.")] = None,
    kind: Annotated[
        str | None,
        typer.Option(help="Only: " + ", ".join(f'"{each}"' for each in Action) + "."),
    ] = None,
    class_name: Annotated[
        str | None, typer.Option("--class", help="Only decisions that name this class.")
    ] = None,
    since: Annotated[datetime | None, typer.Option(help="From then on, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Before then, UTC.")] = None,
    before: Annotated[
        int | None, typer.Option(help="Only events with a lower number: the next page.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Decisions to show.")] = PAGE,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """List what readers decided, newest first: who, when, about how many images."""
    found = past_decisions(
        access(),
        project,
        reader=reader,
        action=None if kind is None else _action(kind),
        class_name=class_name,
        since=since,
        until=until,
        before=before,
        limit=limit,
    )
    rows = [
        {
            "event": each.number,
            "at": f"{each.at:%Y-%m-%d %H:%M:%S}",
            "reader": each.reader,
            "decision": each.verb,
            "images": each.images,
            "position": each.position,
            "class": each.class_name,
            "round": each.round_number,
            "target": each.target,
            "known": each.known,
            "undone": each.undone,
        }
        for each in found
    ]
    shown = ["event", "at", "reader", "decision", "images", "class", "round", "undone"]
    show(rows, as_json, lambda: table(rows, shown))


def _action(name: str) -> Action:
    found = next((each for each in Action if each.casefold() == name.casefold()), None)
    if found is None:
        raise ValueError(f'--kind: "{name}" is none of {", ".join(Action)}.')
    return found


@command(app, "duplicates")
def duplicates_command(
    copy: Annotated[
        bool, typer.Option("--copy-labels", help="Give unlabelled ones their duplicate's label.")
    ] = False,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """List images with equal pixels, or copy labels between them."""
    who = access()
    if copy:
        count = duplicates.copy_labels(who, project)
        show({"labels": count}, as_json, f"Copied {count} labels.")
        return
    rows = [
        {
            "positions": " ".join(map(str, each.positions)),
            "contradiction": len(each.class_ids) > 1,
            "unlabelled": len(each.unlabelled),
        }
        for each in duplicates.duplicates(who, project)
    ]
    show(rows, as_json, lambda: table(rows, ["positions", "contradiction", "unlabelled"]))
