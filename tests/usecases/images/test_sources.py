"""Where images may come from: names, uploads of one's own, folders below the allowed ones."""

import dataclasses
import zipfile

import pytest
import small_project

from sslapp.store.database import reading
from sslapp.store.images import image_rows
from sslapp.usecases.access import enter
from sslapp.usecases.images.incoming.looking import import_looked_at, open_look
from sslapp.usecases.images.incoming.origin import Origin
from sslapp.usecases.images.incoming.plan import AS_SUGGESTED
from sslapp.usecases.images.incoming.sources import (
    SourceChoice,
    SourceKind,
    WrongFields,
    import_chosen,
    origin,
)
from sslapp.usecases.images.incoming.uploads import Incoming, find_upload
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.vocabulary import JobKind, JobState
from sslapp.workspace import Workspace


@pytest.fixture
def access(tmp_path):
    """Ann, who may import below tmp_path / "allowed"."""
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    made = enter(
        Workspace(workspace=tmp_path / "workspace", import_roots=f"{allowed}:{tmp_path / 'also'}"),
        "Ann",
    )
    yield made
    made.engine.dispose()


def fault(access, choice) -> dict[str, str]:
    with pytest.raises(WrongFields) as caught:
        origin(access, choice)
    return caught.value.fields


def pictures(folder, count=3):
    """Copies of a digit as PGM files, whose format needs no library to write."""
    folder.mkdir(parents=True)
    images, _ = small_project.digits(count)
    for number, image in enumerate(images):
        (folder / f"{number}.pgm").write_bytes(b"P5 8 8 255\n" + image.tobytes())
    return folder


def zipped(folder, target):
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return target


def taken_in(access, project, choice):
    """The row of the import of what was chosen, whose look was followed as it was suggested."""
    row = small_project.finish(access, import_chosen(access, project, choice))
    assert (row["kind"], row["state"]) == (JobKind.LOOK, JobState.DONE)
    seen = open_look(access, project)
    return small_project.finish(access, import_looked_at(access, seen.id, AS_SUGGESTED))


def sent(access, path, name="pictures.zip"):
    incoming = Incoming(access, name, path.stat().st_size)
    incoming.write(path.read_bytes())
    return incoming.finish()


def test_a_folder_below_an_allowed_one_is_found_by_its_full_and_by_its_relative_path(
    access, tmp_path
) -> None:
    folder = pictures(tmp_path / "allowed" / "set")
    for text in (str(folder), "set", " set ", "set/../set"):
        assert origin(access, SourceChoice(SourceKind.SERVER, text)).source == str(folder)


@pytest.mark.parametrize("text", ["/etc", "../secret", "~", "set/../../secret", "link", "/nowhere"])
def test_what_is_not_below_is_refused_without_telling_whether_it_is_there(
    access, tmp_path, text
) -> None:
    pictures(tmp_path / "secret")
    pictures(tmp_path / "allowed" / "set")
    (tmp_path / "allowed" / "link").symlink_to(tmp_path / "secret")
    assert fault(access, SourceChoice(SourceKind.SERVER, text))["source"].startswith(
        "This path is not below a folder that may be imported: "
    )


def test_a_folder_beside_with_the_same_beginning_is_not_below(access, tmp_path) -> None:
    pictures(tmp_path / "allowed-not")
    assert (
        "not below"
        in fault(access, SourceChoice(SourceKind.SERVER, str(tmp_path / "allowed-not")))["source"]
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("none", "There is no folder or file"),
        ("notes.txt", "neither a folder nor a .zip, .npz, .csv, .tsv, .xlsx, .parquet"),
        ("", "Write the path"),
        ("a\0b", "Write the path"),
    ],
)
def test_what_is_no_image_set_is_refused_with_the_mend(access, tmp_path, text, words) -> None:
    (tmp_path / "allowed" / "notes.txt").write_text("x")
    assert words in fault(access, SourceChoice(SourceKind.SERVER, text))["source"]


def test_only_a_server_admin_may_name_folders(access, tmp_path) -> None:
    pictures(tmp_path / "allowed" / "set")
    reader = dataclasses.replace(access, server_admin=False)
    assert "Only a server admin" in fault(reader, SourceChoice(SourceKind.SERVER, "set"))["source"]


def test_where_people_sign_in_no_folder_is_allowed_unless_named(tmp_path) -> None:
    alone = Workspace(workspace=tmp_path, import_roots="")
    team = Workspace(workspace=tmp_path, import_roots="", admins="ann@example.org")
    assert [each.name for each in alone.import_folders] == [alone.import_folders[0].home().name]
    assert team.import_folders == ()
    access = enter(team, "Ann")
    assert "SSLAPP_IMPORT_ROOTS" in fault(access, SourceChoice(SourceKind.SERVER, "/"))["source"]
    access.engine.dispose()


def test_other_choices_are_checked_too(access) -> None:
    assert origin(access, SourceChoice(SourceKind.NONE)) is None
    assert origin(access, SourceChoice(SourceKind.NAMED, "mnist")) == Origin(source="mnist")
    assert (
        "Choose one of the sets"
        in fault(access, SourceChoice(SourceKind.NAMED, "/etc/passwd"))["source"]
    )
    assert "Upload a file first" in fault(access, SourceChoice(SourceKind.UPLOAD))["source"]
    for wrong in ("../../etc/passwd", "0" * 32, "x"):
        assert "no such upload" in fault(access, SourceChoice(SourceKind.UPLOAD, wrong))["source"]


def test_an_upload_is_imported_under_its_own_name_and_then_forgotten(access, tmp_path) -> None:
    folder = pictures(tmp_path / "set")
    (folder / "notes.txt").write_text("x")
    upload = sent(access, zipped(folder, tmp_path / "any.zip"), "Ward 3.zip")
    project = create_project(access, "Uploaded", ["a", "b"])
    row = taken_in(access, project, SourceChoice(SourceKind.UPLOAD, upload.id))
    assert row["state"] == JobState.DONE
    (found,) = status(access, project).sets
    assert (found.name, found.count) == ("Ward 3", 3)
    assert found.refused == [
        {"name": "notes.txt", "reason": ".txt is not a picture type that is read"}
    ]
    with reading(access.engine) as conn:
        assert [each.name for each in image_rows(conn, project, range(3))] == [
            "0.pgm",
            "1.pgm",
            "2.pgm",
        ]
    assert list(access.workspace.uploads.iterdir()) == []


def test_an_upload_belongs_to_who_sent_it(access, tmp_path) -> None:
    upload = sent(access, zipped(pictures(tmp_path / "set"), tmp_path / "any.zip"))
    other = enter(access.workspace, "Eve")
    assert "no such upload" in fault(other, SourceChoice(SourceKind.UPLOAD, upload.id))["source"]
    other.engine.dispose()
    assert find_upload(access, upload.id)[0] == upload


def test_a_look_that_fails_keeps_the_upload_for_another_try(access, tmp_path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.txt").write_text("x")
    upload = sent(access, zipped(tmp_path / "bad", tmp_path / "bad.zip"))
    project = create_project(access, "Bad")
    job = import_chosen(access, project, SourceChoice(SourceKind.UPLOAD, upload.id))
    row = small_project.finish(access, job)
    assert (row["state"], "no picture file in it" in row["error"]) == (JobState.FAILED, True)
    assert find_upload(access, upload.id)


def test_a_manifest_reads_from_every_allowed_folder_and_no_other(access, tmp_path) -> None:
    pictures(tmp_path / "allowed" / "set", 2)
    pictures(tmp_path / "also" / "more", 1)
    pictures(tmp_path / "secret", 1)
    (tmp_path / "allowed" / "list.csv").write_text(
        "path,split\nset/0.pgm,train\nset/1.pgm,test\n../also/more/0.pgm,\n../secret/0.pgm,\n"
    )
    project = create_project(access, "Listed")
    row = taken_in(access, project, SourceChoice(SourceKind.SERVER, "list.csv"))
    assert row["state"] == JobState.DONE
    (found,) = status(access, project).sets
    assert found.count == 3
    assert [each["name"] for each in found.refused] == ["line 5: ../secret/0.pgm"]
    assert status(access, project).counts["test"] == 1


def test_an_array_file_of_the_server_and_one_sent_are_imported(access, tmp_path) -> None:
    source = small_project.write_npz(tmp_path / "allowed" / "digits.npz")
    for kind in (SourceKind.SERVER, SourceKind.UPLOAD):
        value = "digits.npz" if kind is SourceKind.SERVER else sent(access, source, "digits.npz").id
        project = create_project(access, f"Arrays {kind}")
        row = taken_in(access, project, SourceChoice(kind, value))
        assert row["state"] == JobState.DONE
        assert [each.name for each in status(access, project).sets] == ["digits"]
