"""Nothing of a patient enters a workspace, what it writes, or what it says, with DICOM files."""

import logging
import shutil
import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import small_project
import typer.testing
from leak_search import Finding, LeakSearch
from planted import SECRETS, Planted, plant
from pyarrow import parquet

from sslapp.cli import app
from sslapp.datasets.pictures.reading import Reading
from sslapp.imaging.decode import decode
from sslapp.imaging.rectangles import Rectangle
from sslapp.imaging.text.detector import TextDetector
from sslapp.store import images
from sslapp.store.database import reading
from sslapp.usecases.access import Access, enter
from sslapp.usecases.exporting.exports import Format, export, export_here
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.images.incoming.looking import import_looked_at, start_look
from sslapp.usecases.images.incoming.origin import Origin
from sslapp.usecases.images.incoming.quarantine import screening
from sslapp.usecases.images.incoming.quarantine.looking_through import held_series
from sslapp.usecases.images.incoming.quarantine.releasing import release
from sslapp.usecases.images.incoming.sources import SourceChoice, SourceKind, import_chosen
from sslapp.usecases.images.incoming.uploads import Incoming
from sslapp.usecases.images.pictures import picture, thumbnail
from sslapp.usecases.jobs import job_status
from sslapp.usecases.labelling import decisions
from sslapp.usecases.maintenance.backups import backup
from sslapp.usecases.projects.settings import create_project
from sslapp.vocabulary import JobState
from sslapp.workspace import Workspace

SEARCH = LeakSearch(SECRETS)


@pytest.fixture
def access(tmp_path, caplog, capfd):
    caplog.set_level(logging.INFO)
    workspace = Workspace(workspace=tmp_path / "workspace", secrets=tmp_path / "keys")
    made = enter(workspace, "Ann")
    create_project(made, "Ward", ["normal", "other"])
    yield made
    made.engine.dispose()
    # the last of them empties the database's log into the database
    assert not SEARCH.below(workspace.root)
    said = capfd.readouterr()
    assert not SEARCH.of("\n".join([caplog.text, *said]).encode(), "what was said")


@pytest.fixture
def planted(tmp_path) -> Planted:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that codes hold what they may not is the point
        return plant(tmp_path / "incoming")


def done(access: Access, job_id: int) -> dict:
    row = small_project.finish(access, job_id)
    assert row["state"] == JobState.DONE, row["error"]
    return row


def leaks(access: Access, beside: Path) -> list[Finding]:
    """What the workspace holds and what it writes and shows, in a folder beside it."""
    with reading(access.engine) as conn:
        count = images.image_count(conn, 1)
    for position in range(count):
        decisions.label(access, None, position, ("normal", "other")[position % 2])
    done(access, embed(access, None, "pixels"))  # its arrays and index lie in the workspace
    for name in ("labels.csv", "labels.xlsx", "labels.parquet", "images.zip", "report.html", "in"):
        done(access, export(access, None, beside / name))
    unpack(beside / "labels.parquet", beside)
    done(access, export_here(access, None, Format.ZIP))
    backup(access, beside / "backup.tar")
    found = SEARCH.below(access.workspace.root) + SEARCH.below(beside)
    for position in range(count):
        for show in (picture, thumbnail):
            found += SEARCH.of(show(access, None, position).content, f"{show.__name__} {position}")
    return found


def unpack(table: Path, folder: Path) -> None:
    """Write what the compressed pages of a table hold, and what is said of it, as texts."""
    found = parquet.read_table(table)
    (folder / "cells.json").write_text(str(found.to_pylist()))
    (folder / "schema.txt").write_bytes(repr(found.schema.metadata).encode())


@pytest.fixture
def beside(tmp_path) -> Path:
    folder = tmp_path / "beside"
    folder.mkdir()
    return folder


def test_a_folder_leaves_nothing_of_a_patient(access, planted, beside) -> None:
    row = done(access, import_images(access, None, source=str(planted.folder)))
    assert row["result"]["images"] == len(planted.pictures)
    assert not SEARCH.of(repr(row).encode(), "job")
    assert not leaks(access, beside)
    again = done(access, import_images(access, None, source=str(planted.folder)))
    assert again["result"]["images"] == 0
    assert not SEARCH.below(access.workspace.root)


def test_a_look_and_its_import_leave_nothing_of_a_patient(access, planted, beside) -> None:
    look = done(access, start_look(access, 1, Origin(source=str(planted.folder))))
    row = done(access, import_looked_at(access, look["id"], Reading()))
    assert row["result"]["images"] == len(planted.pictures)
    for each in (row, job_status(access, look["id"])):
        assert not SEARCH.of(repr(each).encode(), "job")
    assert not leaks(access, beside)


@pytest.mark.slow
def test_what_is_held_back_and_let_out_holds_nothing_of_a_patient(
    access, planted, beside, monkeypatch
) -> None:
    class SeesText(TextDetector):
        def boxes(self, picture: np.ndarray) -> list[Rectangle]:
            return [Rectangle(0, 0, 8, 2)]

    monkeypatch.setattr(screening, "TextDetector", SeesText)
    monkeypatch.setattr(screening, "is_installed", lambda: True)
    row = done(access, import_images(access, None, source=str(planted.folder)))
    assert (row["result"]["images"], row["result"]["held_back"]) == (0, len(planted.pictures))
    assert not SEARCH.of(repr(row).encode(), "job")
    held = held_series(access, None)
    assert not SEARCH.of(repr(held).encode(), "list")
    kept = access.workspace.quarantine(1)
    assert len(list(kept.rglob("*.dcm"))) == len(planted.pictures)
    assert not SEARCH.below(access.workspace.root)
    done(access, release(access, None, [each.series for each in held], [Rectangle(0, 0, 8, 2)]))
    small_project.run_jobs(access)
    assert not kept.exists() or not [each for each in kept.rglob("*") if each.is_file()]
    assert not leaks(access, beside)
    with reading(access.engine) as conn:
        count = images.image_count(conn, 1)
    assert count == len(planted.pictures)
    for position in range(count):
        shown = decode(picture(access, None, position).content, "shown")
        assert not shown[:2, :8].any()


def test_an_upload_leaves_nothing_of_a_patient(access, planted, beside) -> None:
    packed = Path(
        shutil.make_archive(str(planted.folder), "zip", planted.folder.parent, "DOE^JANE")
    )
    incoming = Incoming(access, packed.name, packed.stat().st_size)
    incoming.write(packed.read_bytes())
    sent = incoming.finish()
    assert SEARCH.of(packed.read_bytes(), str(asdict(sent)))
    look = import_chosen(access, 1, SourceChoice(kind=SourceKind.UPLOAD, value=sent.id))
    assert look is not None
    done(access, look)
    row = done(access, import_looked_at(access, look, Reading()))
    assert row["result"]["images"] == len(planted.pictures)
    assert not SEARCH.of(repr(row).encode(), "job")
    assert not leaks(access, beside)


@pytest.mark.slow  # commands that wait start a worker each
def test_commands_say_nothing_of_a_patient(access, planted, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SSLAPP_SECRETS", str(tmp_path / "keys"))
    runner = typer.testing.CliRunner()
    given = ["--workspace", str(access.workspace.root), "--reader", "Ann"]
    assert SEARCH.of(str(planted.folder).encode(), "the folder")
    for words in (
        ("import", planted.folder),
        ("embed", "--encoder", "pixels"),
        ("label", 0, "normal"),
        ("status", "--json"),
        ("jobs", "list"),
        ("jobs", "list", "--json"),
        ("metadata",),
        ("next", "-n", 30, "--json"),
        ("history",),
        ("verify",),
        ("project", "withdraw", "--dry-run"),
        ("import", planted.folder, "--json"),
    ):
        found = runner.invoke(app, [*given, *(str(each) for each in words)])
        assert found.exit_code == 0, found.output
        assert not SEARCH.of(found.output.encode(), " ".join(map(str, words)))
