"""Deleting exports: who may, what goes, what stays, and that nothing else is ever touched."""

import shutil
from pathlib import Path

import pytest
import small_project

from sslapp.store.database import writing
from sslapp.store.errors import Unknown
from sslapp.store.people import readers
from sslapp.store.schema import job
from sslapp.usecases.access import Access, NotAllowed, enter
from sslapp.usecases.exporting import exported
from sslapp.usecases.exporting.exported import delete_export, exported_file, exports_of
from sslapp.usecases.exporting.exports import Format, export, export_here
from sslapp.usecases.people.members import grant
from sslapp.vocabulary import EventKind, Role


def made(access: Access, format_: Format = Format.CSV) -> int:
    number = export_here(access, 1, format_)
    small_project.run_jobs(access)
    return number


def files(access: Access) -> set[str]:
    folder = access.workspace.root / "exports"
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}


def pointed_at(access: Access, number: int, target: str) -> None:
    """Make the job's row name another target."""
    with writing(access.engine) as conn:
        params = {"target": target, "format": "csv", "sources": ["expert"]}
        conn.execute(job.update().where(job.c.id == number).values(params=params))


@pytest.mark.slow
@pytest.mark.parametrize("format_", [Format.CSV, Format.PARQUET, Format.ZIP, Format.REPORT])
def test_a_deleted_export_is_gone_and_the_record_of_it_stays(project, format_) -> None:
    stays, goes = made(project), made(project, format_)
    before, kept = [each.hash for each in small_project.log(project)], files(project)
    folder = exported_file(project, goes).path.parent
    delete_export(project, goes)
    assert [each.job_id for each in exports_of(project, 1)] == [stays]
    for part in ("file", "manifest"):
        with pytest.raises(Unknown, match="no file of export"):
            exported_file(project, goes, part)
    assert not folder.exists()
    assert files(project) == {each for each in kept if not each.startswith(folder.name, 2)}
    assert exported_file(project, stays).path.is_file()
    assert [each.hash for each in small_project.log(project)] == before
    assert small_project.log(project)[-1].kind == EventKind.EXPORT
    assert small_project.damage(project) is None
    with pytest.raises(Unknown, match="to delete"):
        delete_export(project, goes)


def test_who_asked_for_it_or_an_admin_deletes_it_and_nobody_else(project) -> None:
    grant(project, 1, "Ben", Role.READER)
    grant(project, 1, "Cat", Role.ADJUDICATOR)
    ben, cat, eve = (enter(project.workspace, name) for name in ("Ben", "Cat", "Eve"))
    first, second, anns = made(ben), made(ben), made(project)
    assert [each.deletable for each in exports_of(ben, 1)] == [False, True, True]
    assert [each.deletable for each in exports_of(cat, 1)] == [False] * 3
    assert [each.deletable for each in exports_of(project, 1)] == [True] * 3
    for who, number in ((ben, anns), (cat, first), (eve, first)):
        with pytest.raises(NotAllowed):
            delete_export(who, number)
    assert len(files(project)) == 6
    delete_export(ben, first)
    delete_export(project, second)
    assert [each.job_id for each in exports_of(project, 1)] == [anns]
    with writing(project.engine) as conn:
        readers.set_active(conn, ben.reader_id, False)
    with pytest.raises(NotAllowed):
        delete_export(ben, first)
    for each in (ben, cat, eve):
        each.engine.dispose()


def test_what_is_no_export_that_lies_here_is_not_deleted(project, tmp_path: Path) -> None:
    elsewhere = tmp_path / "labels.csv"
    outside = export(project, 1, elsewhere)
    folder = export(project, 1, project.workspace.root / "exports" / "1" / "folder")
    small_project.run_jobs(project)
    waiting = export_here(project, 1, Format.CSV)
    for number in (outside, folder, waiting, 1, 999):
        with pytest.raises(Unknown, match=f"no file of export {number} to delete"):
            delete_export(project, number)
    assert elsewhere.is_file()
    assert [each.deletable for each in exports_of(project, 1)] == [False] * 3


@pytest.mark.parametrize(
    "target",
    [
        "sslapp.db",
        "exports/1/../../sslapp.db",
        "exports/2/x/labels.csv",
        "exports/12/x/labels.csv",
        "exports/1/out/secret.csv",
        "{outside}/secret.csv",
        "exports/1",
        "",
    ],
)
def test_no_target_reaches_out_of_the_projects_own_exports(project, tmp_path, target) -> None:
    number, root = made(project), project.workspace.root
    outside = tmp_path / "outside"
    for path in (outside / "secret.csv", root / "exports/2/x/labels.csv"):
        path.parent.mkdir(parents=True)
        path.write_text("not yours")
    shutil.copytree(root / "exports/2", root / "exports/12")
    (root / "exports/1/out").symlink_to(outside, target_is_directory=True)
    before = {*root.rglob("*"), *outside.rglob("*")}
    pointed_at(project, number, target.format(outside=outside))
    with pytest.raises(Unknown):
        delete_export(project, number)
    passing = set(root.glob("sslapp.db-*"))  # SQLite's own
    assert {*root.rglob("*"), *outside.rglob("*")} >= before - passing


def test_other_files_beside_an_export_stay(project) -> None:
    number = made(project)
    other = exported_file(project, number).path.with_name("notes.txt")
    other.write_text("mine")
    delete_export(project, number)
    assert [each.name for each in other.parent.iterdir()] == ["notes.txt"]


@pytest.mark.slow
def test_a_deletion_killed_at_any_point_leaves_the_export_or_takes_it_from_everybody(
    launcher, prepared, tmp_path
) -> None:
    point, status = 0, -9
    seen = set()
    while status == -9:
        point += 1
        access = small_project.copy(prepared, tmp_path / f"workspace-{point}")
        first, second = made(access), made(access)
        access.engine.dispose()
        status = launcher.run(access.workspace.root, ("exports", "rm", str(first)), die_at=point)
        there = {each.job_id: each for each in exports_of(access, 1)}
        assert there[second].fetchable and there[second].has_manifest
        seen.add(first in there)
        if first in there:
            assert there[first].fetchable and there[first].has_manifest
        delete_export(access, second)
        assert len(files(access)) == (2 if first in there else 0), "swept by the next deletion"
        assert small_project.damage(access) is None
        access.engine.dispose()
    assert status == 0 and seen == {True, False}


def test_a_disk_that_refuses_hands_out_nothing_and_the_next_deletion_goes_on(
    project, monkeypatch
) -> None:
    first, second = made(project), made(project)
    with monkeypatch.context() as broken:

        def refuse(*_: object) -> None:
            raise PermissionError

        broken.setattr(exported, "_remove_files", refuse)
        with pytest.raises(PermissionError):
            delete_export(project, first)
    with pytest.raises(Unknown):
        exported_file(project, first)
    assert len(files(project)) == 4
    delete_export(project, second)
    assert files(project) == set()
