"""Images like one image: against brute force."""

import numpy as np
import pytest

from sslapp import durable
from sslapp.store.database import reading
from sslapp.store.embeddings import latest_embedding
from sslapp.store.errors import Unknown
from sslapp.store.state import load_state
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.images import similar
from sslapp.usecases.projects.settings import create_project


def by_hand(features, query, among, k: int) -> list[int]:
    features, query = features.astype(np.float64), query.astype(np.float64)
    norms = np.linalg.norm(features, axis=1) * np.linalg.norm(query)
    alike = np.divide(features @ query, norms, out=np.zeros(len(features)), where=norms > 0)
    return sorted(among, key=lambda each: (-alike[each], each))[:k]


@pytest.mark.parametrize("k", [1, 5, 60, 500])
def test_the_nearest_of_the_pool_come_in_order_without_the_image_itself(project, k) -> None:
    with reading(project.engine) as conn:
        row, pool = latest_embedding(conn, 1), load_state(conn, 1).pool
    features = np.asarray(durable.read_array(project.workspace.path(row["features"])))
    among = [each for each in pool.tolist() if each != 60]
    assert similar.similar(project, None, 60, k).tolist() == by_hand(
        features, features[60], among, k
    )


def test_only_the_images_asked_for_are_searched(project) -> None:
    among = np.array([90, 44, 101, 60, 9000, -1])
    assert sorted(similar.similar(project, None, 60, 10, among).tolist()) == [44, 90, 101]


def test_blocks_zero_vectors_and_equal_images_change_nothing(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    features = rng.standard_normal((300, 8)).astype(np.float32)
    features[17] = 0
    features[200:240] = features[100]  # more equal ones than are fetched to spare
    monkeypatch.setattr(similar, "_BLOCK", 32)
    among = rng.permutation(300)
    found = similar.nearest(features, features[100], among, 30)
    assert found.tolist() == [100, *range(200, 229)]
    assert similar.nearest(features, features[17], among, 5).tolist() == [0, 1, 2, 3, 4]


def test_images_that_are_not_embedded_and_strangers_are_refused(project) -> None:
    with pytest.raises(Unknown, match="4000 is not embedded"):
        similar.similar(project, None, 4000)
    with pytest.raises(NotAllowed):
        similar.similar(enter(project.workspace, "Mallory"), 1, 60)
    empty = create_project(project, "Empty")
    with pytest.raises(ValueError, match="Nothing is embedded yet"):
        similar.similar(project, empty, 0)


def test_an_embedding_of_pixels_is_not_searched_by_text(project) -> None:
    assert not similar.reads_text(project, None)
    with pytest.raises(ValueError, match="cannot be searched by text"):
        similar.like_text(project, None, "a cat")


@pytest.mark.slow
def test_text_finds_images_where_the_embedding_comes_from_such_an_encoder(project) -> None:
    import small_project
    import tiny_clip

    from sslapp.embedding.encoders import weights_version
    from sslapp.usecases.images.embeddings import embed

    model = tiny_clip.build()
    weights = tiny_clip.write(project.workspace.weights, model)
    assert not similar.reads_text(project, None), "the newest embedding is of pixels still"
    embed(project, None, "open_clip")
    small_project.run_jobs(project)
    assert similar.reads_text(project, None)
    with reading(project.engine) as conn:
        row, pool = latest_embedding(conn, 1), load_state(conn, 1).pool
    assert row["encoder"] == "open_clip"
    features = np.asarray(durable.read_array(project.workspace.path(row["features"])))
    query = similar.text_vectors(weights, weights_version(weights), ["a seven"])[0]
    found = similar.like_text(project, None, "a seven", 12)
    assert found.tolist() == by_hand(features, query, pool.tolist(), 12)
    some = pool[::3]
    assert set(similar.like_text(project, None, "a seven", 5, some)) <= set(some)
    weights.unlink()
    assert not similar.reads_text(project, None), "without weights nothing is offered"
    with pytest.raises(ValueError, match="cannot be searched by text"):
        similar.like_text(project, None, "a seven")
