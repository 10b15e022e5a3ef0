"""`sslapp project withdraw` and `delete`: what was imported or named wrongly goes."""

import small_project

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
