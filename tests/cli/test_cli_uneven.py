"""Labels of one class, and uneven ones: said before a round and with its candidates."""

import small_project

from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.labelling import decisions
from sslapp.usecases.projects.settings import create_project


def test_uneven_labels_are_said_before_the_round(project, command) -> None:
    truth = small_project.true_columns(project)
    for position in range(small_project.LABELLED, small_project.POOL):
        if truth[position] == 3:
            decisions.label(project, None, position, "3")
    words = command(project.workspace.root, "round", "start", "--method", "prototypes")
    assert words.stderr.startswith("Labels are uneven: ")
    assert "Balanced batches" in words.stderr


def test_classes_without_a_label_are_said_before_the_round(project, command, tmp_path) -> None:
    other = create_project(project, "Other")
    import_images(project, other, str(small_project.write_npz(tmp_path / "digits.npz")))
    small_project.run_jobs(project)
    decisions.label(project, other, 0, "0")
    start = ("round", "start", "-p", "Other", "--gear", "pixels", "--method", "supervised")
    (told, *_) = command(project.workspace.root, *start).stderr.splitlines()
    assert told == "No label yet for 1, 2, 3, 4 and 5 more: no image will be predicted to be one."


def test_classes_without_a_candidate_are_said_with_the_candidates(reviewed, command, ask) -> None:
    root = reviewed.workspace.root
    every = ask(root, "candidates", "--threshold", 0, "--limit", 0)["candidates"]
    surest = every[-1]["confidence"] - 1e-6
    words = command(root, "candidates", "--threshold", surest).stdout
    assert "No candidate is " in words
    assert " more." in words
    assert "No candidate is" not in command(root, "candidates", "--threshold", 1.0).stdout
