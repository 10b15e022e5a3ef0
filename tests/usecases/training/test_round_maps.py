"""The map of a round's own features: UMAP by a job, back at once, and what it never shows."""

import numpy as np
import pytest
import small_project

from sslapp import durable
from sslapp.jobs import queue
from sslapp.store.database import reading
from sslapp.store.errors import Refused
from sslapp.store.rounds import finished_round
from sslapp.usecases.images.similar import similar
from sslapp.usecases.jobs import job_status
from sslapp.usecases.maintenance.verification import verify_workspace
from sslapp.usecases.reviewing.board import board_key, read_board
from sslapp.usecases.training.round_maps import map_of_round, show_map_of_round
from sslapp.vocabulary import JobState, Projection, Space

pytestmark = pytest.mark.usefixtures("quick_umap")


def test_umap_is_shown_after_its_job_and_pca_at_once(reviewed) -> None:
    pca, key = read_board(reviewed, 1), board_key(reviewed, 1)
    job_id = show_map_of_round(reviewed, 1, 1, Projection.UMAP)
    waits = map_of_round(reviewed, 1, 1)
    assert (waits.shown, waits.made, waits.job_id) == (Projection.PCA, False, job_id)
    with pytest.raises(Refused, match=f"being made already, by job {job_id}"):
        show_map_of_round(reviewed, 1, 1, Projection.UMAP)
    assert small_project.finish(reviewed, job_id)["state"] == JobState.DONE
    assert map_of_round(reviewed, 1, 1).shown is Projection.UMAP
    umap = read_board(reviewed, 1)
    assert board_key(reviewed, 1) != key
    np.testing.assert_array_equal(umap.drawn, ~umap.blind)
    assert not np.array_equal(umap.xy[umap.drawn], pca.xy[pca.drawn])
    assert verify_workspace(reviewed.workspace).ok
    assert small_project.damage(reviewed) is None

    with pytest.raises(Refused, match="map of round 1 shows UMAP already"):
        show_map_of_round(reviewed, 1, 1, Projection.UMAP)
    assert show_map_of_round(reviewed, 1, 1, Projection.PCA) is None
    np.testing.assert_array_equal(read_board(reviewed, 1).xy, pca.xy)
    assert show_map_of_round(reviewed, 1, 1, Projection.UMAP) is None, "it was made before"
    assert board_key(reviewed, 1, 1, Space.ENCODER).projection != key.projection


def test_a_damaged_map_is_found(reviewed) -> None:
    small_project.finish(reviewed, show_map_of_round(reviewed, 1, 1, Projection.UMAP))
    with reading(reviewed.engine) as conn:
        path = reviewed.workspace.path(finished_round(conn, 1, 1).umap)
    durable.write_array(path, np.zeros((160, 2), np.float32))
    (problem,) = verify_workspace(reviewed.workspace).every_problem
    assert str(path) in problem


def test_a_cancelled_job_changes_nothing(reviewed, monkeypatch) -> None:
    number = show_map_of_round(reviewed, 1, 1, Projection.UMAP)
    real = queue.beat

    def beat(conn, claim, step, total, message):
        queue.cancel(conn, claim.job_id)
        return real(conn, claim, step, total, message)

    monkeypatch.setattr(queue, "beat", beat)
    small_project.run_jobs(reviewed)
    assert job_status(reviewed, number)["state"] == JobState.CANCELLED
    found = map_of_round(reviewed, 1, 1)
    assert (found.shown, found.made, found.job_id) == (Projection.PCA, False, None)


def test_a_round_on_frozen_features_has_no_map_of_its_own(ensembled) -> None:
    assert map_of_round(ensembled, 1, 1) is None
    with pytest.raises(Refused, match="no features of its own, so it is shown on the encoder's"):
        show_map_of_round(ensembled, 1, 1, Projection.UMAP)


def test_neighbours_among_a_rounds_own_features_tell_nothing_of_what_measures(reviewed) -> None:
    everything, test = np.arange(160), small_project.POOL
    found = similar(reviewed, 1, 50, k=160, among=everything, round_number=1)
    blind = np.flatnonzero(read_board(reviewed, 1).blind)
    assert set(found) == set(everything) - set(blind) - {50}
    with pytest.raises(ValueError, match=f"Image {test} was drawn to measure"):
        similar(reviewed, 1, test, round_number=1)
    assert len(similar(reviewed, 1, test, round_number=1, space=Space.ENCODER))
    elsewhere = similar(reviewed, 1, 50, k=160, among=everything, space=Space.ENCODER)
    assert len(elsewhere) == 159
