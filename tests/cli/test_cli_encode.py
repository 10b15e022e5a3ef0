"""`sslapp encode`: the cost first, then the views."""

import pytest
import small_project

from sslapp.usecases.images.embeddings import RATE
from sslapp.usecases.images.encoded_views import encoded_views


def test_the_cost_is_said_and_nothing_starts(project, command, ask) -> None:
    root = project.workspace.root
    told = ask(root, "encode", "--weak", 1, "--strong", 2, "--cost")
    assert (told["encoder"], told["images"], told["views"]) == ("pixels", 160, 3)
    assert told["expected_seconds"] > 0
    said = command(root, "encode", "--weak", 1, "--strong", 2, "--cost").stdout
    assert said.startswith("3 views of 160 images: ")
    assert small_project.run_jobs(project) == 0


@pytest.mark.slow
def test_a_queued_encoding_says_its_cost_before(project, command) -> None:
    done = command(project.workspace.root, "encode", "--strong", 1, "--no-wait")
    assert done.stderr.startswith("3 views of 160 images: ")
    assert done.stdout.startswith("Job ")
    assert small_project.run_jobs(project) == 1
    found = encoded_views(project, 1)
    assert (found.weak, found.strong, found.augmentation) == (2, 1, "smooth")
    row = small_project.finish(project, 3)
    assert row["result"]["views"] == ["weak-0", "weak-1", "strong-0"]
    assert row["result"][RATE] > 0
