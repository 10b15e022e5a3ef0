"""Metadata of a list: what comes in, what stays out and why, and that a plan changes nothing."""

import io

import openpyxl
import pytest
import small_project
from typer.testing import CliRunner

from sslapp.cli import app
from sslapp.store.database import reading
from sslapp.store.errors import Refused
from sslapp.store.images import names_and_hashes
from sslapp.store.metadata.values import values_of
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.images.incoming.metadata import (
    import_metadata,
    looks_like_identity,
    plan_metadata,
)
from sslapp.usecases.images.metadata import metadata_columns
from sslapp.usecases.people.members import grant
from sslapp.vocabulary import EventKind, MetadataKind, Role

HEADINGS = "image;age;Site;View Position;Patient ID;patient name;finding;split;empty"


def text(access, rows=((0, "41", "A"), (1, "52", "B"), (3, "NA", "A"))) -> bytes:
    """A list as people have it: semicolons, paths of Windows, a byte-order mark, a stray line."""
    with reading(access.engine) as conn:
        names = names_and_hashes(conn, 1)[0]
    lines = [HEADINGS]
    for at, age, site in rows:
        lines.append(f"D:\\data\\{names[at]};{age};{site};PA;p{at};Ann Smith;3;train;")
    lines.append("D:\\data\\elsewhere.png;1;C;AP;p9;Bo;3;test;")
    return "\r\n".join(lines).encode("utf-8-sig")


def cells(access, name):
    found = next(each for each in metadata_columns(access, None) if each.name == name)
    with reading(access.engine) as conn:
        return values_of(conn, found.id)


def test_a_plan_says_what_comes_and_what_stays_out_and_changes_nothing(project) -> None:
    plan = plan_metadata(project, None, text(project), "list.csv")
    assert (plan.images, plan.unmatched) == (3, 1)
    assert [each.name for each in plan.taken] == ["age", "Site", "View Position"]
    age = plan.columns[0]
    assert (age.kind, age.images, age.replaced) == (MetadataKind.NUMBER, 2, 0)
    left = {each.name: each.why_not for each in plan.columns if not each.taken}
    assert left["Patient ID"].startswith("it may tell who somebody is")
    assert left["patient name"].startswith("it may tell who somebody is")
    assert left["finding"] == "it seems to say the class."
    assert left["split"] == "it seems to say the split."
    assert left["empty"] == "it is empty for these images."
    assert "elsewhere.png" in plan.why[0]
    assert metadata_columns(project, None) == []
    assert small_project.log(project)[-1].kind is not EventKind.IMPORT_METADATA


def test_it_comes_in_as_planned_and_once_more_replaces_cell_by_cell(project) -> None:
    import_metadata(project, None, text(project), "list.csv")
    assert cells(project, "age") == {0: "41", 1: "52"}  # NA among numbers is no value
    assert cells(project, "Site") == {0: "A", 1: "B", 3: "A"}
    later = text(project, rows=((1, "53", ""), (4, "60", "C")))
    plan = import_metadata(project, None, later, "later.csv")
    assert plan.columns[0].replaced == 1
    assert "2 values, 1 of them in place of another" in " ".join(plan.words())
    assert cells(project, "age") == {0: "41", 1: "53", 4: "60"}
    assert cells(project, "Site") == {0: "A", 1: "B", 3: "A", 4: "C"}
    assert small_project.damage(project) is None


def test_what_is_named_comes_whatever_it_tells_and_nothing_else(project) -> None:
    plan = import_metadata(
        project, None, text(project), "list.csv", wanted=["patient_id", "Finding"]
    )
    assert [each.name for each in plan.taken] == ["Patient ID", "finding"]
    with pytest.raises(ValueError, match='None of them is "weight"'):
        plan_metadata(project, None, text(project), "list.csv", wanted=["weight"])
    with pytest.raises(Refused, match="says which image is meant"):
        plan_metadata(project, None, text(project), "list.csv", wanted=["image"])


def test_a_workbook_is_read_as_well_and_classes_among_its_headings_stay_out(project) -> None:
    sheet = openpyxl.Workbook()
    sheet.active.append(["position", "1", "weight"])  # 1 is a class of the project
    sheet.active.append([2, 1, 70.5])
    content = io.BytesIO()
    sheet.save(content)
    plan = import_metadata(project, None, content.getvalue(), "list.xlsx")
    assert [each.name for each in plan.taken] == ["weight"]
    assert cells(project, "weight") == {2: "70.5"}


def test_a_list_that_brings_nothing_is_refused_with_the_reason(project) -> None:
    content = b"position,patient name\n0,Ann\n"
    with pytest.raises(Refused, match="patient name is left out: it may tell who somebody is"):
        import_metadata(project, None, content, "list.csv")
    with pytest.raises(ValueError, match="None of them says which image is meant"):
        import_metadata(project, None, b"a,b\n1,2\n", "list.csv")


def test_only_an_admin_brings_it(project) -> None:
    bo = enter(project.workspace, "Bo")
    grant(project, None, "Bo", Role.ADJUDICATOR)
    for command in (plan_metadata, import_metadata):
        with pytest.raises(NotAllowed):
            command(bo, None, text(project), "list.csv")
    bo.engine.dispose()


@pytest.mark.parametrize(
    "heading",
    [
        *("name", "Patient Name", "patientname", "last_name", "Surname", "PatientID", "patient"),
        *("subject-id", "birth date", "Date of Birth", "DOB", "MRN", "Address", "home address"),
        *("Insurance number", "SSN", "Accession Number", "StudyInstanceUID", "e-mail", "Phone no"),
        *("Vorname", "Nachname", "Geburtsdatum", "Straße", "Versicherungsnummer", "passport"),
    ],
)
def test_what_tells_who_somebody_is(heading: str) -> None:
    assert looks_like_identity(heading)


@pytest.mark.parametrize(
    "heading",
    [
        *("age", "Patient Age", "sex", "Patient Gender", "site", "View Position", "scanner"),
        *("scanner name", "hospital name", "thickness nm", "pleural fluid", "birth weight"),
        *(
            "Follow-up #",
            "mobile unit",
            "camera phone model",
            "case mix",
            "country",
            "manufacturer",
        ),
    ],
)
def test_what_does_not(heading: str) -> None:
    assert not looks_like_identity(heading)


def test_the_command_plans_brings_shows_hides_and_removes(project, tmp_path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(text(project))

    def run(*words: str) -> str:
        where = ["--workspace", str(project.workspace.root), "--reader", "Ann", "metadata"]
        result = CliRunner().invoke(app, [*where, *words])
        assert result.exit_code == 0, result.output
        return result.output

    assert "age: number, 2 values" in run(str(path), "--dry-run")
    assert run() == "No metadata yet.\n"
    run(str(path), "--columns", "age, Site")
    assert "yes" not in run()
    assert run("--show", "site").splitlines()[2].split() == ["Site", "text", "3", "2", "yes"]
    assert "yes" not in run("--hide", "Site")
    path.write_bytes(text(project, ((0, "42", "A"),)))
    run(str(path), "--columns", "age,View Position")
    back = "list.csv is taken back: View Position goes; age: 1 value as before.\n"
    assert run("--undo", "--dry-run") == back
    assert "View Position" in run()
    assert run("--undo") == back
    assert cells(project, "age") == {0: "41", 1: "52"}
    assert run("--undo", "--dry-run") == "No import of metadata can be taken back.\n"
    assert "Site" not in run("--remove", "Site")
