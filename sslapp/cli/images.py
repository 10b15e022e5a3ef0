"""Commands about a project's images: import, metadata, training store."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sslapp.cli.application import Json, Project, access, app, command, show, table
from sslapp.cli.jobs import Wait, wait_for
from sslapp.usecases.images.incoming.imports import add_images
from sslapp.usecases.images.incoming.known_sets import known_sets
from sslapp.usecases.images.incoming.metadata import import_metadata, plan_metadata
from sslapp.usecases.images.incoming.origin import Origin
from sslapp.usecases.images.incoming.plan import (
    AS_SUGGESTED,
    FrameChoice,
    Meaning,
    Question,
    Reading,
    TextChoice,
    open_questions,
    plan_source,
)
from sslapp.usecases.images.incoming.plan_words import in_words
from sslapp.usecases.images.metadata import (
    last_metadata,
    metadata_columns,
    remove_metadata,
    show_metadata,
    undo_metadata,
)
from sslapp.usecases.images.own_labels.plan import plan_import
from sslapp.usecases.images.own_labels.recording import import_labels
from sslapp.usecases.images.own_labels.sorting import Conflicts, LabelChoice
from sslapp.usecases.images.pixels_again import WantedPixels, make_pixels_again
from sslapp.vocabulary import Aspect, Intensities, Slices, Split, StackRule, Thing
from sslapp.words import count


@command(app, "import")
def import_command(
    source: Annotated[
        str,
        typer.Argument(
            help="The name of a set (--list), a folder, a .zip, .npz or .csv file, or an export of "
            "sslapp: .zip, folder, or .csv or .parquet with its manifest."
        ),
    ] = "",
    project: Project = None,
    root: Annotated[
        Path | None, typer.Option(help="Where a named set lies; default: wherever it is found.")
    ] = None,
    download: Annotated[bool, typer.Option(help="Fetch a named set that is not here.")] = False,
    levels: Annotated[
        str | None,
        typer.Option(
            help="What each level of folders means, the outermost first, with commas between: "
            "class, group (a patient), split, or - for nothing."
        ),
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option(help="A folder of test images, on a level of splits; may be repeated."),
    ] = None,
    pool: Annotated[
        list[str] | None,
        typer.Option(help="A folder of images for the pool, likewise; may be repeated."),
    ] = None,
    unlabelled: Annotated[
        list[str] | None,
        typer.Option(help="A folder whose images have no class; may be repeated."),
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(
            help='A folder to leave out, or names with a * as in "*_mask.*"; may be repeated. '
            '"" leaves out nothing that is left out by itself.'
        ),
    ] = None,
    frames: Annotated[
        FrameChoice,
        typer.Option(help="Of files with several images: the first, all, or refuse them."),
    ] = FrameChoice.FIRST,
    thing: Annotated[
        Thing | None,
        typer.Option(
            help="What of DICOM files an image is: each instance (file), frame, series, study or "
            "patient. The first such import decides for the project; default: instance."
        ),
    ] = None,
    slices: Annotated[
        Slices | None,
        typer.Option(
            help="Which slices of a series are kept and seen: the one in the middle, three, or "
            "all. Decided likewise; default: one."
        ),
    ] = None,
    trained_on: Annotated[
        StackRule | None,
        typer.Option(
            "--trained-on",
            help="What networks see of several slices: the middle one, three as three channels, "
            "or the maximum of all. Decided likewise; default: of three slices three, of all the "
            "middle one.",
        ),
    ] = None,
    burned_in: Annotated[
        TextChoice | None,
        typer.Option(
            "--burned-in",
            help="Of DICOM files that may show text, such as a name: hold-back in the quarantine "
            "(sslapp quarantine), leave-out, or take where somebody saw that they show none.",
        ),
    ] = None,
    group_pattern: Annotated[
        str | None,
        typer.Option(
            help="Regular expression for the whole relative path, whose first bracket is the "
            "patient."
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", "--plan", help="Say what would come, and change nothing."),
    ] = False,
    conflicts: Annotated[
        Conflicts, typer.Option(help="Whose label stays where an exported table says another.")
    ] = Conflicts.KEEP,
    add_classes: Annotated[
        bool, typer.Option("--add-classes", help="Add classes of an export that are missing.")
    ] = False,
    listed: Annotated[
        bool, typer.Option("--list", help="List the sets with a name, and which are here.")
    ] = False,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Import images, as a job; or an export of sslapp, with who gave each label and how.

    What folders mean is shown by --dry-run and said by --levels and the options after it. A source
    that leaves it open is refused until they say so.
    """
    if listed:
        _list_known(as_json)
        return
    if not source:
        raise ValueError("Say what to import: a name, a folder or a file. --list lists the names.")
    who, path = access(), Path(source).expanduser()
    choice = LabelChoice(conflicts, add_classes)
    found = plan_import(who, project, path, choice)
    if found is not None and (dry_run or not found.pictures):
        done = found if dry_run else import_labels(who, project, path, choice)
        show(asdict(done), as_json, "\n".join(done.words()))
        return
    reading = Reading(
        levels=_meanings(levels),
        splits={
            **dict.fromkeys(test or (), Split.TEST),
            **dict.fromkeys(pool or (), Split.POOL),
        },
        unlabelled=None if unlabelled is None else tuple(filter(None, unlabelled)),
        leave_out=None if leave_out is None else tuple(filter(None, leave_out)),
        group_pattern=group_pattern,
        frames=frames,
        thing=thing,
        slices=slices,
        rule=trained_on,
        burned_in=burned_in,
    )
    wanted = Origin(
        source=_source(source),
        root=root,
        download=download,
        reading=None if found is not None or reading == AS_SUGGESTED else reading,
        add_classes=add_classes,
    )
    if dry_run:
        plan = plan_source(who, project, wanted, lambda done, total, what: None)
        show(plan.to_json(), as_json, lambda: "\n".join(in_words(plan)))
        return
    if found is None and (questions := open_questions(wanted)):
        raise ValueError(_asked(source, questions))
    job_id = add_images(who, project, wanted)
    result = wait_for(who, job_id, wait)

    def words() -> str:
        if not wait:
            return f"Job {job_id} is queued."
        refused = [f"  refused {each['name']}: {each['reason']}" for each in result["refused"]]
        number = result["images"]
        done = f"Imported {count(number, 'image')}." if number else "Nothing is new."
        return "\n".join([done, *result["notes"], *refused])

    show(result, as_json, words)


def _meanings(levels: str | None) -> tuple[Meaning, ...] | None:
    """What `--levels` says.

    Raises:
        ValueError: naming the word that is none of them.
    """
    if levels is None:
        return None
    words = [each.strip().lower() for each in levels.split(",")]
    known = {**{str(each): each for each in Meaning}, "-": Meaning.NOTHING}
    for word in words:
        if word not in known:
            raise ValueError(f'--levels: "{word}" is none of class, group, split and - (nothing).')
    return tuple(known[word] for word in words)


def _asked(source: str, questions: Sequence[Question]) -> str:
    """The refusal of a source that leaves open what it means."""
    lines = [f"{source}: nothing was imported, for something has to be said first."]
    for each in questions:
        if each.about == "burned_in":
            mend = "--burned-in hold-back, leave-out or take"
        elif each.about == "splits":
            mend = f"--test {each.folders[0]} or --pool {each.folders[0]}"
        else:
            level = 0 if each.level is None else each.level
            mend = f"--levels, whose word {level + 1} says so: class, group, split or -"
        lines.append(f"- {each.text} Answer by {mend}.")
    lines.append("--dry-run shows the whole plan.")
    return "\n".join(lines)


def _list_known(as_json: bool) -> None:
    found = [
        {
            "set": each.card.name,
            "here": str(each.place.path) if each.place else "yes" if each.there else None,
            "download": each.download_size,
            "licence": each.card.licence,
            "what it is": each.card.about,
        }
        for each in known_sets(access())
    ]
    show(found, as_json, table(found, ("set", "here", "download", "licence", "what it is")))


@command(app, "pixels")
def pixels_command(
    project: Project = None,
    size: Annotated[int | None, typer.Option(help="Side in pixels, 8 to 1024.")] = None,
    aspect: Annotated[
        Aspect | None, typer.Option(help="Of images that are no squares: default as before.")
    ] = None,
    intensities: Annotated[
        Intensities | None,
        typer.Option(help="Black and white of images with more than 8 bits: default as before."),
    ] = None,
    colour: Annotated[
        bool, typer.Option("--colour", help="Three channels, though the first import was grey.")
    ] = False,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Make the training store again from the originals, without importing, as a job."""
    who = access()
    wanted = WantedPixels(size, aspect, intensities, colour)
    job_id = make_pixels_again(who, project, wanted)
    result = wait_for(who, job_id, wait)

    def words() -> str:
        if not wait:
            return f"Job {job_id} is queued."
        side, kind = result["size"], "grey" if result["channels"] == 1 else "colour"
        return (
            f"The training store has {result['images']} images of {side} x {side} {kind} pixels "
            "now. Rounds that have begun go on with what they began with; embeddings stay, and "
            "those of the encoder pixels are of the store before until images are embedded again."
        )

    show(result, as_json, words)


def _source(source: str) -> str:
    path = Path(source).expanduser()
    return str(path.resolve()) if path.exists() else source


@command(app, "metadata")
def metadata_command(
    file: Annotated[
        Path | None,
        typer.Argument(help="A list of images with further columns; default: say what there is."),
    ] = None,
    wanted: Annotated[
        str | None,
        typer.Option("--columns", help="Headings to take, comma-separated, whatever they tell."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would come in, and bring nothing.")
    ] = False,
    shown: Annotated[
        str | None, typer.Option("--show", help="Show this column while images are labelled.")
    ] = None,
    hidden: Annotated[str | None, typer.Option("--hide", help="Show it no more.")] = None,
    removed: Annotated[
        str | None, typer.Option("--remove", help="Take a column out, with all its values.")
    ] = None,
    undo: Annotated[
        bool,
        typer.Option("--undo", help="Take the last import back; with --dry-run, say what it was."),
    ] = False,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Bring in what a list says of images beside their classes: age, site, view, scanner."""
    who = access()
    if file is not None:
        listed = None if wanted is None else [each.strip() for each in wanted.split(",")]
        bring = plan_metadata if dry_run else import_metadata
        plan = bring(who, project, file, file.name, wanted=listed)
        show(asdict(plan), as_json, "\n".join([*plan.words(), *plan.why]))
        return
    if undo:
        found = last_metadata(who, project) if dry_run else undo_metadata(who, project)
        said = "No import of metadata can be taken back." if found is None else found.words()
        show(None if found is None else asdict(found), as_json, said)
        return
    for name, to in ((shown, True), (hidden, False)):
        if name is not None:
            show_metadata(who, project, name, shown=to)
    if removed is not None:
        remove_metadata(who, project, removed)
    rows = [
        {name: getattr(each, name) for name in ("name", "kind", "images", "different", "shown")}
        for each in metadata_columns(who, project)
    ]
    said = table(rows, ["name", "kind", "images", "different", "shown"])
    show(rows, as_json, said if rows else "No metadata yet.")
