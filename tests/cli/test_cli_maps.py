"""The map's projection and the exports that are kept, from the command line."""

import pytest
import small_project

from sslapp.usecases.exporting.exported import exports_of
from sslapp.usecases.exporting.exports import Format, export_here
from sslapp.usecases.images.maps import projection_of
from sslapp.usecases.training.round_maps import map_of_round
from sslapp.vocabulary import Projection


@pytest.mark.usefixtures("quick_umap")
def test_the_map_is_made_as_a_job_and_goes_back_at_once(project, ask, command) -> None:
    root = project.workspace.root
    queued = command(root, "map", "umap", "--no-wait")
    assert queued.stdout == "Job 3 is queued.\n"
    small_project.run_jobs(project)
    assert projection_of(project, 1) is Projection.UMAP
    assert ask(root, "map", "pca") == {"projection": "pca", "job_id": None, "shown": True}
    assert command(root, "map", "umap").stdout == "The map shows UMAP now.\n"


def test_a_map_that_shows_already_is_refused_in_a_line(project, refusal) -> None:
    assert refusal(project.workspace.root, "map", "pca") == "The map shows PCA already."


@pytest.mark.slow
def test_kept_exports_are_listed_and_deleted(project, ask, command, refusal) -> None:
    root = project.workspace.root
    first, second = (export_here(project, 1, each) for each in (Format.CSV, Format.REPORT))
    small_project.run_jobs(project)
    listed = ask(root, "exports", "list")["exports"]
    assert [(each["job_id"], each["fetchable"]) for each in listed] == [
        (second, True),
        (first, True),
    ]
    assert ask(root, "exports", "rm", first, second) == {"deleted": [first, second]}
    assert exports_of(project, 1) == []
    assert refusal(root, "exports", "rm", first) == f"There is no file of export {first} to delete."


@pytest.mark.usefixtures("quick_umap")
def test_the_map_of_a_round_is_made_as_a_job_of_its_own(reviewed, ask, refusal) -> None:
    root = reviewed.workspace.root
    assert refusal(root, "map", "pca", "--round", 1) == "The map of round 1 shows PCA already."
    queued = ask(root, "map", "umap", "--round", 1, "--no-wait")
    assert (queued["round"], queued["shown"]) == (1, False)
    small_project.run_jobs(reviewed)
    assert map_of_round(reviewed, 1, 1).shown is Projection.UMAP
    assert projection_of(reviewed, 1) is Projection.PCA, "the encoder's is another"
    assert ask(root, "map", "pca", "--round", 1)["shown"]
