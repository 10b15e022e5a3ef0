"""The map's projection: UMAP by a job, back at once, and every page draws what was chosen."""

import numpy as np
import pytest
import small_project
from sqlalchemy import func, insert, select, update

from sslapp.jobs import queue
from sslapp.store.database import reading, writing
from sslapp.store.embeddings import latest_embedding, latest_views, same_features
from sslapp.store.errors import Refused
from sslapp.store.schema import embedding, view_set
from sslapp.usecases.images import maps
from sslapp.usecases.images.embeddings import embed, newest_embedding
from sslapp.usecases.images.encoded_views import (
    NOT_ENCODED,
    WantedViews,
    encoded_views,
    start_encoding,
)
from sslapp.usecases.images.maps import projection_of, show_projection
from sslapp.usecases.jobs import cancel_job, job_status
from sslapp.usecases.reviewing import board
from sslapp.usecases.reviewing.experts import experts
from sslapp.usecases.training.preview import choices, missing_before_start, preview
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import Gear, JobState, Projection, Space

pytestmark = pytest.mark.usefixtures("quick_umap")


def newest(access):
    with reading(access.engine) as conn:
        return latest_embedding(conn, 1)


def rows(access) -> int:
    with reading(access.engine) as conn:
        return conn.execute(select(func.count()).select_from(embedding)).scalar_one()


def test_the_review_map_shows_umap_after_its_job_and_goes_back_to_pca(reviewed) -> None:
    pca = board.read_board(reviewed, 1, space=Space.ENCODER)
    before, key = newest(reviewed), board.board_key(reviewed, 1, space=Space.ENCODER)
    assert projection_of(reviewed, 1) is Projection.PCA
    job_id = show_projection(reviewed, 1, Projection.UMAP)
    assert projection_of(reviewed, 1) is Projection.PCA, "until the job is done"
    assert small_project.finish(reviewed, job_id)["state"] == JobState.DONE
    assert projection_of(reviewed, 1) is Projection.UMAP

    after = newest(reviewed)
    assert after["id"] != before["id"], "pages know a map by its embedding's id"
    same = ("encoder", "count", "dim", "features", "created_at")
    assert [after[name] for name in same] == [before[name] for name in same]
    assert board.board_key(reviewed, 1, space=Space.ENCODER) != key
    shown = board.read_board(reviewed, 1, space=Space.ENCODER)
    assert shown.xy.shape == pca.xy.shape == (160, 2)
    assert not np.array_equal(shown.xy, pca.xy)
    np.testing.assert_array_equal(board.read_bare_board(reviewed, 1).xy, shown.xy)
    np.testing.assert_array_equal(shown.proposals.positions, pca.proposals.positions)

    assert show_projection(reviewed, 1, Projection.PCA) is None
    np.testing.assert_array_equal(board.read_board(reviewed, 1, space=Space.ENCODER).xy, pca.xy)
    assert show_projection(reviewed, 1, Projection.UMAP) is None, "it was made before"
    np.testing.assert_array_equal(board.read_board(reviewed, 1, space=Space.ENCODER).xy, shown.xy)
    with reading(reviewed.engine) as conn:
        siblings = set(same_features(conn, before["id"]))
    assert siblings == {before["id"], after["id"], after["id"] + 1, after["id"] + 2}


def test_a_new_embedding_begins_with_principal_components_and_has_no_siblings(project) -> None:
    show_projection(project, 1, Projection.UMAP)
    small_project.run_jobs(project)
    embed(project, 1, seed=3)
    small_project.run_jobs(project)
    assert projection_of(project, 1) is Projection.PCA
    row = newest_embedding(project, 1)
    with reading(project.engine) as conn:
        assert same_features(conn, row.id) == [row.id]
    assert show_projection(project, 1, Projection.UMAP) is not None


def test_what_cannot_be_shown_is_refused(project) -> None:
    with pytest.raises(Refused, match="shows PCA already"):
        show_projection(project, 1, Projection.PCA)
    number = show_projection(project, 1, Projection.UMAP)
    with pytest.raises(Refused, match=f"being made already, by job {number}"):
        show_projection(project, 1, Projection.UMAP)
    cancel_job(project, number)
    with writing(project.engine) as conn:
        conn.execute(update(embedding).values(count=14))
    with pytest.raises(Refused, match=r"15 images; 14 are embedded\. The PCA map shows"):
        show_projection(project, 1, Projection.UMAP)
    with writing(project.engine) as conn:
        conn.execute(embedding.delete())
    with pytest.raises(Refused, match="Nothing is embedded yet"):
        show_projection(project, 1, Projection.UMAP)
    assert projection_of(project, 1) is None


@pytest.mark.parametrize("at", ["preparing UMAP", "laying out 160 images", "saving the map"])
def test_a_cancelled_job_changes_nothing(project, monkeypatch, at) -> None:
    number = show_projection(project, 1, Projection.UMAP)
    real = queue.beat

    def beat(conn, claim, step, total, message):
        if message == at:
            queue.cancel(conn, claim.job_id)
        return real(conn, claim, step, total, message)

    monkeypatch.setattr(queue, "beat", beat)
    small_project.run_jobs(project)
    assert job_status(project, number)["state"] == JobState.CANCELLED
    assert (rows(project), projection_of(project, 1)) == (1, Projection.PCA)


def test_a_map_of_an_embedding_that_was_replaced_meanwhile_is_not_shown(
    project, monkeypatch
) -> None:
    real = maps.umap_projection

    def replaced(features, seed, stage):
        with writing(project.engine) as conn:
            other = {**newest(project), "features": "elsewhere/features.npy"}
            del other["id"]
            conn.execute(insert(embedding).values(other))
        return real(features, seed, stage)

    monkeypatch.setattr(maps, "umap_projection", replaced)
    number = show_projection(project, 1, Projection.UMAP)
    row = small_project.finish(project, number)
    assert row["state"] == JobState.FAILED
    assert "embedded again while the map was made" in row["error"]
    assert projection_of(project, 1) is Projection.PCA


def test_encoded_views_stay_with_their_features_under_another_projection(project) -> None:
    before = newest(project)["id"]
    with writing(project.engine) as conn:
        about = {"weak": 1, "strong": 1, "augmentation": "smooth", "flip": False, "seed": 0}
        made = {"embedding_id": before, "folder": "views", "created_at": queue.now(), **about}
        conn.execute(insert(view_set).values(made))
    show_projection(project, 1, Projection.UMAP)
    small_project.run_jobs(project)
    with reading(project.engine) as conn:
        row = latest_views(conn, newest(project)["id"])
    assert row is not None and row["embedding_id"] == before
    assert encoded_views(project, 1) is not None
    can = choices(project, 1)
    assert [(each.encoder, each.views) for each in can.features] == [("pixels", True)]
    found = preview(project, 1)
    assert missing_before_start(found, can, Gear.FEATURES, None, compares_views=True) == ""
    start_round(project, 1, method="fixmatch", gear=Gear.FEATURES, config=small_project.TINY)

    embed(project, 1, seed=3)
    small_project.run_jobs(project)
    can = choices(project, 1)
    assert not can.features[0].views, "other features have no views yet"
    assert missing_before_start(found, can, Gear.FEATURES, None, compares_views=True) == NOT_ENCODED


def test_the_same_views_are_not_encoded_twice_because_the_map_was_switched(project) -> None:
    first = start_encoding(project, 1, WantedViews(weak=1, strong=1))
    with writing(project.engine) as conn:
        row = {**newest(project), "projection": "elsewhere/umap.npy"}
        del row["id"]
        conn.execute(insert(embedding).values(row))
    with pytest.raises(ValueError, match=f"being encoded already, by job {first}"):
        start_encoding(project, 1, WantedViews(weak=1, strong=1))
    assert start_encoding(project, 1, WantedViews(weak=1, strong=2)) != first


def test_evidence_is_indexed_once_for_all_maps_of_the_same_features(reviewed) -> None:
    with reading(reviewed.engine) as conn:
        before = experts(conn, reviewed, 1, 1)
    with writing(reviewed.engine) as conn:
        row = {**newest(reviewed), "projection": "elsewhere/umap.npy"}
        del row["id"]
        conn.execute(insert(embedding).values(row))
    with reading(reviewed.engine) as conn:
        assert experts(conn, reviewed, 1, 1) is before
