"""`sslapp label LIST`: planned first, then saved as a whole; lists as people have them."""

import small_project
from openpyxl import Workbook

from sslapp.store.database import reading
from sslapp.store.labels import current_labels
from sslapp.usecases.people.members import grant
from sslapp.vocabulary import Role


def held(access, *positions):
    with reading(access.engine) as conn:
        found = current_labels(conn, 1, positions)
    return [(each.class_name, each.reader) for each in found.values()]


def workbook(path, *rows):
    book = Workbook()
    book.active.append(["about"])
    sheet = book.create_sheet("labels")
    for row in rows:
        sheet.append(row)
    book.save(path)
    return path


def test_a_list_is_planned_then_saved(project, tmp_path, command, ask, refusal) -> None:
    root = project.workspace.root
    # images are called train/00050
    path = workbook(
        tmp_path / "list.xlsx",
        *(["Image Index", "dx", "age"], [50, 4, 30], ["C:\\x\\train\\00051.png", 5, 31]),
        *([52, None, 32], ["nothing.png", 6, 33]),
    )
    before = len(small_project.log(project))
    message = refusal(root, "label", path, "--sheet", "labels")
    assert message.splitlines() == [
        "No label was saved.",
        'list.xlsx row 5: no image is called "nothing.png". Correct or remove the line.',
    ]
    plan = command(root, "label", path, "--sheet", "labels", "--dry-run", "--only-matched").stdout
    assert plan.splitlines() == [
        "2 labels of yours, 2 of them for images without one.",
        "Read as Excel, sheet labels.",
        'Columns: image: "Image Index"; class: "dx".',
        'Columns not read: "age".',
        "Images found: 1 by name but for leading zeros, 1 by name without its ending.",
        'Classes: "4" 1, "5" 1.',
        "Left out, 1 line: the class is empty (row 4: 52, , 32).",
        'Left out, 1 line: the image is not here (row 5: no image is called "nothing.png").',
    ]
    assert len(small_project.log(project)) == before
    assert ask(root, "label", path, "--sheet", "labels", "--only-matched") == {"labels": 2}
    assert held(project, 50, 51) == [("4", "Ann"), ("5", "Ann")]


def test_findings_numbers_and_columns_are_said_by_options(project, tmp_path, ask) -> None:
    root, path = project.workspace.root, tmp_path / "list.tsv"
    path.write_text("img\tother\tfindings\n50\t60\tA|B\n51\t61\tB\n", encoding="utf-16")
    options = ("--finding", "A", "--yes", "1", "--no", "2")
    plan = ask(root, "label", path, *options, "--image-column", "other", "--dry-run")
    assert plan["read"] == "CSV, UTF-16, separated by tabs"
    assert plan["classes"] == [["A", "1", 1], ["no A", "2", 1]]
    assert ask(root, "label", path, *options) == {"labels": 2}
    assert held(project, 50, 51) == [("1", "Ann"), ("2", "Ann")]
    path.write_text("image,one,label\n52,1,x\n")
    plan = ask(root, "label", path, "--class-column", "one", "--classes-of", "1=7,x=8", "--dry-run")
    assert plan["classes"] == [["1", "7", 1]]
    plan = ask(root, "label", path, "--class-column", "one", "--classes-of", "order", "--dry-run")
    assert plan["classes"] == [["1", "1", 1]]


def test_an_admin_says_whose_labels_they_are(project, tmp_path, command, ask) -> None:
    root, path = project.workspace.root, tmp_path / "list.csv"
    path.write_text("position,class\n0,9\n50,4\n")
    grant(project, None, "Ben", Role.READER)
    stranger = command(root, "label", path, "--given-by", "Dr. Who", reader="Ben")
    assert stranger.exit_code == 1
    assert "admin" in stranger.stderr
    (kept,) = held(project, 0)
    plan = ask(root, "label", path, "--given-by", "Dr. Who", "--dry-run")
    assert (plan["new"], plan["same"] + plan["instead"]) == (1, 1)
    said = command(root, "label", path, "--given-by", "Dr. Who").stdout
    assert said == "Saved 1 label as Dr. Who's own.\n"
    assert held(project, 0, 50) == [kept, ("4", "Dr. Who")]
    event = small_project.log(project)[-1]
    assert event.payload["imported"]["file"] == "list.csv"
    assert event.payload["readers"] == ["Dr. Who"]


def test_a_list_becomes_what_is_said(project, tmp_path, command, ask, refusal) -> None:
    root, path = project.workspace.root, tmp_path / "list.csv"
    path.write_text("position,class,confidence,age\n50,4,0.9,30\n51,5,0.8,31\n")
    plan = command(root, "label", path, "--as", "proposals", "--dry-run").stdout.splitlines()
    assert plan[0].startswith(
        "A round of proposals for 2 images, 2 of them in the pool; 0 of these"
    )
    queued = ask(root, "label", path, "--as", "proposals", "--no-wait")
    assert queued["round"] == 1 and queued.keys() == {"round", "job_id"}
    small_project.run_jobs(project)
    found = ask(root, "candidates", "--threshold", "0.85")
    assert found["count"] == 1
    assert "A true label never changes" in refusal(root, "label", path, "--as", "truth")
    assert "--metadata goes with labels" in refusal(
        root, "label", path, "--as", "truth", "--metadata", "age"
    )
    assert "--as is for a list" in refusal(root, "label", "50", "4", "--as", "truth")
    assert ask(root, "label", path, "--metadata", "age") == {"labels": 2}
    assert [each["name"] for each in ask(root, "metadata")] == ["age"]
