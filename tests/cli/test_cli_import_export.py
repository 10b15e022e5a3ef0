"""`sslapp import` of an own export: the plan first, then labels with who gave them."""

import numpy as np
import small_project

from sslapp.usecases.access import enter
from sslapp.usecases.exporting.exports import export
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.projects.settings import create_project
from sslapp.workspace import Workspace


def test_the_plan_comes_before_the_labels(project, tmp_path, command, ask, refusal) -> None:
    table, root = tmp_path / "labels.csv", tmp_path / "other"
    small_project.finish(project, export(project, None, table))
    other = enter(Workspace(workspace=root), "Ann")
    create_project(other, "Other", [str(each) for each in range(9)])
    pictures, _ = small_project.digits(small_project.LABELLED)
    np.savez(tmp_path / "digits.npz", train_images=pictures)
    import_images(other, None, str(tmp_path / "digits.npz"))
    small_project.run_jobs(other)
    words = command(root, "import", table, "--plan").stdout
    assert 'From "Digits": ' in words and "given by Ann" in words
    assert 'the project has no class "9"' in words
    assert "Not kept: audits" in words
    assert len(small_project.log(other)) == 1 + 9
    assert "No label was saved" in refusal(root, "label", table)
    done = ask(root, "import", table, "--add-classes")
    assert done["labels"] == {"expert": small_project.LABELLED}
    assert done["add_classes"] == ["9"]
    assert ask(root, "import", table)["same"] == small_project.LABELLED
    assert "with who gave each" in command(root, "label", table).stdout
    assert "40 images" in command(root, "import", tmp_path / "digits.npz", "--dry-run").stdout
    other.engine.dispose()
