"""`sslapp project withdraw` and `delete`: what was imported or named wrongly goes."""

import small_project

from sslapp.store.database import reading
from sslapp.store.images import image_sets
from sslapp.usecases.images.incoming.imports import import_images


def test_an_import_is_withdrawn(project, ask, refusal, tmp_path) -> None:
    root = project.workspace.root
    source = small_project.write_more(tmp_path / "more.npz")
    small_project.finish(project, import_images(project, None, str(source)))
    plan = ask(root, "project", "withdraw", "--dry-run")
    assert (plan["name"], plan["left"]) == ("more", 160)
    assert ask(root, "status")["counts"]["images"] == 160 + plan["images"]
    assert ask(root, "project", "withdraw", "--no-wait")["images"] == plan["images"]
    small_project.run_jobs(project)
    assert ask(root, "status")["counts"]["images"] == 160
    assert ask(root, "verify")["ok"]
    assert '"digits" stays: event' in refusal(root, "project", "withdraw")


def test_files_that_the_disk_keeps_are_told_after_what_is_done(
    project, refusal, ask, tmp_path
) -> None:
    source = small_project.write_more(tmp_path / "more.npz")
    small_project.finish(project, import_images(project, None, str(source)))
    with reading(project.engine) as conn:
        pixels = project.workspace.path(image_sets(conn, 1)[-1].pixels)
    pixels.unlink()
    (pixels / "in the way").mkdir(parents=True)
    root = project.workspace.root
    told = refusal(root, "project", "withdraw")  # by a worker process, as it is waited for
    assert '"more" is withdrawn: 160 images.' in told
    assert "Files of it are there still: Job" in told
    assert "It is tried again by itself" in told
    (listed,) = [each for each in ask(root, "jobs", "list") if each["kind"] == "removal"]
    assert listed["state"] == "failed"


def test_a_project_is_deleted_by_its_name(project, ask, command, refusal) -> None:
    root = project.workspace.root
    told = command(root, "project", "delete", "Digits")
    assert told.exit_code == 0
    assert "160 images" in told.stdout
    assert "who decided what stays" in told.stdout.lower()
    assert "--yes" in told.stdout
    assert ask(root, "status")["counts"]["images"] == 160
    assert ask(root, "project", "delete", "Digits", "--yes")["deleted"]
    assert "no project" in refusal(root, "status", "-p", "Digits")
    found = ask(root, "verify")
    assert found["ok"]
    assert ask(root, "init", "Digits")["name"] == "Digits"
