"""`sslapp import --dry-run`: what would come, read as the options say, and nothing is changed."""

import io
import zipfile

import numpy as np
import pytest
import small_project
from PIL import Image

from sslapp.usecases.access import enter
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.vocabulary import JobState
from sslapp.workspace import Workspace


def picture(seed: int, side: int = 8, mode: str = "L") -> bytes:
    buffer = io.BytesIO()
    shape = (side, side) if mode == "L" else (side, side, 3)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels, mode).save(buffer, "PNG")
    return buffer.getvalue()


def archive(path, names, **about):
    with zipfile.ZipFile(path, "w") as file:
        for seed, name in enumerate(names):
            file.writestr(name, picture(seed, **about))
    return path


@pytest.fixture
def access(tmp_path):
    made = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    create_project(made, "Ward")
    yield made
    made.engine.dispose()


@pytest.fixture
def root(access):
    return access.workspace.root


PATIENTS = [f"set/train/{100 + n // 2}/{n % 2}.png" for n in range(8)]


def test_a_dry_run_says_what_would_come_and_changes_nothing(
    access, root, tmp_path, command, ask
) -> None:
    names = [f"pets/test/cat/{n}.png" for n in (1, 2, 10)] + [
        f"pets/train/dog/{n}.png" for n in "34"
    ]
    source = archive(tmp_path / "pets.zip", [*names, "pets/notes.txt"])
    before = sorted(root.rglob("*"))
    words = command(root, "import", source, "--dry-run").stdout
    assert words.startswith("pets: 5 images, 2 classes, 3 test, 1 left out.\n")
    assert "8 x 8 pixels; grey, 8 bits; PNG." in words
    assert "Takes a few seconds and about" in words
    plan = ask(root, "import", source, "--dry-run")
    assert (plan["images"], plan["classes"]) == (5, {"cat": 3, "dog": 2})
    assert (plan["splits"], plan["already_here"]) == ({"pool": 2, "test": 3}, 0)
    assert [each for each in sorted(root.rglob("*")) if "-wal" not in each.name] == [
        each for each in before if "-wal" not in each.name
    ]
    assert status(access).jobs == []


def test_what_is_open_is_refused_with_the_options_that_answer_it(
    root, tmp_path, ask, refusal
) -> None:
    source = archive(tmp_path / "ward.zip", PATIENTS)
    why = refusal(root, "import", source)
    assert "patients (groups) or classes?" in why
    assert "--levels, whose word 3 says so" in why
    assert "--dry-run" in why
    plan = ask(root, "import", source, "--dry-run", "--levels", "-,split,group")
    assert (plan["questions"], plan["groups"], plan["classes"]) == ([], 4, {})
    assert "none of class, group" in refusal(root, "import", source, "--levels", "klass")


def test_a_split_that_nobody_knows_is_asked_for_and_said(root, tmp_path, ask, refusal) -> None:
    source = archive(tmp_path / "s.zip", ["train/a/1.png", "test_set/a/2.png", "train/b/3.png"])
    assert "Answer by --test test_set or --pool test_set" in refusal(root, "import", source)
    for option, splits in (("--test", {"pool": 2, "test": 1}), ("--pool", {"pool": 3})):
        assert ask(root, "import", source, "--dry-run", option, "test_set")["splits"] == splits


def test_the_options_read_the_source_for_the_import_too(access, root, tmp_path, ask) -> None:
    names = [
        f"{name}/{kind}/{n}.png" for name in ("cat", "todo") for kind in ("x", "y") for n in "12"
    ]
    source = archive(tmp_path / "pets.zip", names)
    options = ["--unlabelled", "todo", "--leave-out", "y", "--group-pattern", r"/(\d)\.png"]
    plan = ask(root, "import", source, "--dry-run", *options)
    assert (plan["images"], plan["classes"], plan["without_class"]) == (4, {"cat": 2}, 2)
    assert (plan["groups"], plan["pattern_matches"]) == (2, 4)
    job = ask(root, "import", source, *options, "--no-wait")["job_id"]
    row = small_project.finish(access, job)
    assert row["result"]["images"] == 4
    assert [each.name for each in status(access).classes] == ["cat"]


def test_patients_are_groups_and_no_classes_whatever_classes_a_project_has(
    access, root, tmp_path, ask
) -> None:
    names = [f"train/patient{number:04}/study1/view1_frontal.png" for number in range(1, 6)]
    source = archive(tmp_path / "patients.zip", names)
    for project, classes, options in (
        ("Bare", [], []),
        ("Findings", ["normal", "sick"], []),
        ("Patterned", ["normal", "sick"], ["--group-pattern", "patient[0-9]+"]),
    ):
        create_project(access, project, classes)
        job = ask(root, "import", source, "-p", project, *options, "--no-wait")["job_id"]
        row = small_project.finish(access, job)
        assert row["state"] == JobState.DONE, row["error"]
        assert row["result"]["images"] == 5
        assert "The images belong to 5 groups." in row["result"]["notes"][0]
        assert [each.name for each in status(access, project).classes] == classes


def test_a_pattern_that_fits_nothing_is_refused_with_examples(root, tmp_path, refusal) -> None:
    source = archive(tmp_path / "p.zip", ["cat/p1_a.png", "dog/p2_b.png"])
    why = refusal(root, "import", source, "--dry-run", "--group-pattern", "^(nobody)_")
    assert "fits none of the 2 paths, such as cat/p1_a.png" in why


def test_the_plan_says_what_differs_from_the_project_and_what_it_lacks(
    access, root, tmp_path, command, ask
) -> None:
    small = archive(tmp_path / "small.zip", ["cat/1.png", "dog/2.png"])
    small_project.finish(access, ask(root, "import", small, "--no-wait")["job_id"])
    large = archive(tmp_path / "large.zip", ["cat/3.png", "fox/4.png"], side=80, mode="RGB")
    words = command(root, "import", large, "--dry-run").stdout
    assert "Networks train on 8 x 8 grey pixels" in words
    assert "of 2 images larger 2, in colour 2" in words
    assert "The project has no class fox. Add them to it, say that these folders mean" in words
    again = ask(root, "import", small, "--dry-run")
    assert (again["already_here"], again["differs"], again["classes_lacking"]) == (2, "", [])
    words = command(root, "import", small, "--dry-run").stdout
    assert words.endswith("Nothing new to import.\n") and "of disk" not in words


def test_a_known_set_is_planned_before_it_is_downloaded(root, command, ask) -> None:
    said = command(root, "import", "kmnist", "--dry-run").stdout
    assert said.startswith(
        "kmnist: 70,000 images, 10 classes, 10,000 test.\nLicence: CC BY-SA 4.0."
    )
    assert "It is not here; to be downloaded: 21 MB." in said
    assert "28 x 28 pixels; grey, 8 bits" in said
    plan = ask(root, "import", "kmnist", "--dry-run")
    assert plan["named"] == {
        "title": "KMNIST",
        "licence": "CC BY-SA 4.0",
        "download_megabytes": 21,
        "offered": True,
        "here": False,
        "classes": 10,
    }


def test_a_path_at_which_nothing_lies_is_kept_by_no_job(access, root, tmp_path, refusal) -> None:
    why = refusal(root, "import", tmp_path / "Mueller_Anna")
    assert "neither the name of a set" in why
    access.engine.dispose()
    assert not any(
        b"Mueller_Anna" in path.read_bytes() for path in root.rglob("*") if path.is_file()
    )
