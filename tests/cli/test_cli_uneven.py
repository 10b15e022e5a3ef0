"""Labels of one class, and uneven ones: said before a round and with its candidates."""

import numpy as np
import small_project

from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.labelling import decisions
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.training.rounds import start_round


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


def embedded(access, name, source) -> int:
    """A further project of the images of a source."""
    other = create_project(access, name)
    import_images(access, other, str(source))
    embed(access, other)
    small_project.run_jobs(access)
    return other


def test_a_round_on_labels_of_one_class_offers_no_image_without_a_word(
    project, command, tmp_path
) -> None:
    source = small_project.write_npz(tmp_path / "digits.npz")
    other = embedded(project, "One", source)
    truth = small_project.digits(small_project.POOL)[1]
    ones = np.flatnonzero(truth == 1).tolist()
    said = []
    for few in (ones[:6], ones[6:]):
        for position in few:
            decisions.label(project, other, position, "1")
        start_round(project, other, method="label-propagation")
        small_project.run_jobs(project)
        words = command(project.workspace.root, "candidates", "-p", "One", "--threshold", 0)
        said.append(words.stdout)
    uncalibrated, calibrated = said
    assert uncalibrated.startswith(
        "0 candidates at 0\nRound 1 is uncalibrated and proposes nothing."
    )
    assert "No candidate is 0, 2, 3, 4 and 5 more." in calibrated.splitlines()


def test_images_that_no_label_reaches_are_no_candidates_at_any_threshold(
    project, ask, tmp_path
) -> None:
    rng = np.random.default_rng(0)
    dark, bright = rng.integers(0, 40, (40, 8, 8)), rng.integers(215, 256, (40, 8, 8))
    pictures = np.concatenate([dark, bright]).astype(np.uint8)
    classes = ["dark", "mid"]
    columns = np.repeat([0, 1], 40)
    source = tmp_path / "two.npz"
    np.savez(source, train_images=pictures, train_labels=columns, class_names=classes)
    other = embedded(project, "Two", source)
    for position in range(12):
        decisions.label(project, other, position, classes[position // 6])
    start_round(project, other, method="label-propagation")
    small_project.run_jobs(project)
    options = ("-p", "Two", "--threshold", 0, "--limit", 0)
    found = ask(project.workspace.root, "candidates", *options)
    assert sorted(each["position"] for each in found["candidates"]) == list(range(12, 40))
