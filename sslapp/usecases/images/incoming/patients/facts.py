"""What an import of patients' files keeps: what an image is, facts of it, and no name."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, RowMapping

from sslapp.datasets.imported_rows import Row
from sslapp.datasets.pictures.reading import AS_SUGGESTED
from sslapp.datasets.source import ImageSource, PseudonymousSource
from sslapp.imaging.bundles import BundleFacts, glance_at
from sslapp.imaging.originals import original_path
from sslapp.jobs import history, queue
from sslapp.jobs.context import JobContext
from sslapp.store import projects
from sslapp.store.metadata.values import import_values
from sslapp.usecases.images.incoming.origin import Origin
from sslapp.vocabulary import ImageOf, JobKind, JobState, Slices, StackRule, Thing


def of_same_thing(origin: Origin, kept: ImageOf | None) -> Origin:
    """The origin with what the project's images of DICOM files are.

    Raises:
        ValueError: when it is to be something else.
    """
    wanted = origin.reading or AS_SUGGESTED
    return origin if kept is None else replace(origin, reading=wanted.beside(kept))


def check_asked(origin: Origin, source: ImageSource) -> None:
    """Refuse what was said of DICOM files where there is none.

    Raises:
        ValueError: naming the options.
    """
    asked = origin.reading or AS_SUGGESTED
    said = asked.thing or asked.slices or asked.rule or asked.burned_in
    if said and not isinstance(source, PseudonymousSource):
        raise ValueError(
            f"{source.name}: --thing, --slices, --trained-on and --burned-in are of DICOM files, "
            "and none is there. Leave them out."
        )


def add_facts(
    conn: Connection, context: JobContext, source: PseudonymousSource, rows: Sequence[Row], at: int
) -> None:
    """Record what images are, and what their files said of them as metadata."""
    claim = context.claim
    projects.change_settings(conn, claim.project_id, claim.reader_id, image_of=source.image_of)
    cells: dict[str, dict[int, str]] = {}
    for position, row in enumerate(rows, at):
        for heading, value in source.facts.get(row.name, {}).items():
            cells.setdefault(heading, {})[position] = value
    if cells:
        told = hashlib.sha256(json.dumps(cells).encode()).hexdigest()
        import_values(
            *(conn, claim.project_id, claim.reader_id, cells), file=source.name, sha256=told
        )


def recognise_bundles(conn: Connection, context: JobContext, rows: Sequence[Row]) -> None:
    """Record what images are that came back as bundles, where the project does not know yet."""
    claim = context.claim
    if projects.find_project(conn, claim.project_id).settings.image_of is not None:
        return
    folder = context.workspace.project(claim.project_id) / "originals"
    for row in rows:
        facts = None if row.original is None else glance_at(original_path(folder, row.original))
        if facts is not None:
            found = ImageOf(_thing_of(row.name, facts), Slices.ALL, facts.rule or StackRule.MIDDLE)
            projects.change_settings(conn, claim.project_id, claim.reader_id, image_of=found)
            return


def _thing_of(name: str, facts: BundleFacts) -> Thing:
    if facts.rule is not None:
        return Thing.SERIES
    return Thing.STUDY if "/" in name else Thing.PATIENT


def forget_names(conn: Connection, context: JobContext, title: str) -> None:
    """Call a source of patients' images by its title in all that a project's jobs keep of it."""
    claim = context.claim
    for kind in (JobKind.LOOK, JobKind.IMPORT):
        for row in history.newest_jobs(conn, claim.project_id, kind=kind):
            if row["params"]["source"] == claim.params["source"]:
                _forget_name(conn, row, title)


def forget_ended(conn: Connection, look: RowMapping, title: str) -> None:
    """Call a source by its title in a look that is over, and in jobs that failed to import it or
    were cancelled.
    """
    _forget_name(conn, look, title)
    for kind in (JobKind.LOOK, JobKind.IMPORT):
        for row in history.newest_jobs(conn, look["project_id"], kind=kind):
            same = row["params"]["source"] == look["params"]["source"]
            if same and row["state"] in {JobState.FAILED, JobState.CANCELLED}:
                _forget_name(conn, row, title)


def _forget_name(conn: Connection, job: RowMapping, title: str) -> None:
    queue.set_params(conn, job["id"], {**job["params"], "source": title, "name": None})
