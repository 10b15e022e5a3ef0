"""Uploads: nothing half on the disk, nothing larger than allowed, nothing left for ever."""

import os
import time

import pytest

from sslapp.store.database import writing
from sslapp.store.errors import Unknown
from sslapp.store.schema import job
from sslapp.usecases.access import enter
from sslapp.usecases.images.incoming import uploads
from sslapp.usecases.images.incoming.sources import SourceChoice, SourceKind, import_chosen
from sslapp.usecases.images.incoming.uploads import Incoming, TooLarge, find_upload, forget
from sslapp.usecases.projects.settings import create_project
from sslapp.vocabulary import JobState
from sslapp.workspace import Workspace

ZIP = b"PK\x03\x04"


@pytest.fixture
def access(tmp_path):
    made = enter(Workspace(workspace=tmp_path, upload_limit=1000), "Ann")
    yield made
    made.engine.dispose()


def there(access) -> list[str]:
    return sorted(path.suffix for path in access.workspace.uploads.glob("*"))


def test_a_file_appears_when_it_is_complete(access) -> None:
    incoming = Incoming(access, "set.zip", None)
    incoming.write(ZIP + b"1")
    assert there(access) == [".part"]
    incoming.write(b"23")
    made = incoming.finish()
    assert there(access) == [".json", ".zip"]
    found, path = find_upload(access, made.id)
    assert (found, found.bytes, found.name) == (made, 7, "set.zip")
    assert path.read_bytes() == ZIP + b"123"
    forget(access.workspace, made.id)
    assert there(access) == []
    with pytest.raises(Unknown, match="no such upload"):
        find_upload(access, made.id)


def test_one_given_up_leaves_nothing(access) -> None:
    incoming = Incoming(access, "set.zip", 100)
    incoming.write(ZIP)
    incoming.abort()
    assert there(access) == []


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/cron.d/x.zip", "x.zip"),
        ("..\\..\\boot.zip", "boot.zip"),
        ("<img src=x>.ZIP", "<img src=x>.ZIP"),
        ("a" * 500 + "/b.npz", "b.npz"),
    ],
)
def test_the_name_is_text_and_never_a_place(access, name, kept) -> None:
    incoming = Incoming(access, name, None)
    incoming.write(ZIP)
    made = incoming.finish()
    assert made.name == kept
    assert {path.parent for path in access.workspace.root.rglob(f"*{made.id}*")} == {
        access.workspace.uploads
    }


@pytest.mark.parametrize("name", ["", "set.tar", "set.zip.exe", "zip", ".zip/x"])
def test_other_files_are_refused_at_once(access, name) -> None:
    with pytest.raises(ValueError, match=r"only \.zip and \.npz files of pictures"):
        Incoming(access, name, None)


def test_more_than_allowed_is_refused_when_announced_and_when_it_comes(access) -> None:
    with pytest.raises(TooLarge, match="more than the 1,000 bytes"):
        Incoming(access, "set.zip", 1001)
    incoming = Incoming(access, "set.zip", 10)  # a lie
    incoming.write(ZIP + b"x" * 996)
    with pytest.raises(TooLarge, match="SSLAPP_UPLOAD_LIMIT"):
        incoming.write(b"x")


def test_what_does_not_fit_on_the_disk_is_refused_before_it_comes(tmp_path) -> None:
    access = enter(Workspace(workspace=tmp_path, upload_limit=2**60), "Ann")
    with pytest.raises(TooLarge, match="do not fit on the server's disk"):
        Incoming(access, "set.zip", 2**59)
    access.engine.dispose()


@pytest.mark.parametrize("chunks", [[b"<html>"], [b"P", b"X"], [b"PNG"]])
def test_what_is_no_zip_inside_is_refused_with_its_first_bytes(access, chunks) -> None:
    incoming = Incoming(access, "set.zip", None)
    with pytest.raises(ValueError, match="no zip file"):
        for chunk in chunks:
            incoming.write(chunk)


def test_nothing_at_all_is_refused_at_the_end(access) -> None:
    with pytest.raises(ValueError, match="empty"):
        Incoming(access, "set.zip", None).finish()


@pytest.mark.parametrize("state", JobState)
def test_what_an_import_still_waits_for_is_kept(access, state) -> None:
    incoming = Incoming(access, "set.zip", None)
    incoming.write(ZIP)
    made = incoming.finish()
    project = create_project(access, "Digits")
    number = import_chosen(access, project, SourceChoice(kind=SourceKind.UPLOAD, value=made.id))
    with writing(access.engine) as conn:
        conn.execute(job.update().where(job.c.id == number).values(state=state))
    long_ago = time.time() - uploads.KEPT - 1
    for path in access.workspace.uploads.iterdir():
        os.utime(path, (long_ago, long_ago))
    Incoming(access, "new.zip", None).abort()
    waits = state in (JobState.QUEUED, JobState.RUNNING)
    assert there(access) == ([".json", ".zip"] if waits else [])


@pytest.mark.slow
def test_files_that_nobody_imported_are_deleted_after_a_day(access) -> None:
    incoming = Incoming(access, "old.zip", None)
    incoming.write(ZIP)
    old = incoming.finish()
    Incoming(access, "broken.zip", None).write(ZIP)
    long_ago = time.time() - uploads.KEPT - 1
    for path in access.workspace.uploads.iterdir():
        os.utime(path, (long_ago, long_ago))
    fresh = Incoming(access, "new.zip", None)
    fresh.write(ZIP)
    assert there(access) == [".part"]
    with pytest.raises(Unknown):
        find_upload(access, old.id)
    fresh.abort()
