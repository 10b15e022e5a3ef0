"""A round is trained, resumed and judged in the features it was started with."""

import numpy as np
import pytest
import small_project
from sqlalchemy import select

from sslapp import durable
from sslapp.store.database import reading
from sslapp.store.embeddings import latest_embedding
from sslapp.store.schema import embedding, round_
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.similar import similar
from sslapp.usecases.reviewing.board import read_board
from sslapp.usecases.reviewing.inspection import inspect
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import Gear, Space


def row_of(access, number: int):
    with reading(access.engine) as conn:
        return conn.execute(select(round_).where(round_.c.number == number)).one()


def newest(access):
    with reading(access.engine) as conn:
        return latest_embedding(conn, 1)


def flipped_features(access) -> None:
    """Embed again, and turn the new features so that other images are each other's nearest."""
    embed(access, 1, seed=1)
    small_project.run_jobs(access)
    row = newest(access)
    features = np.array(durable.read_array(access.workspace.path(row["features"])))
    mixed = features[np.random.default_rng(0).permutation(len(features))]
    durable.write_array(access.workspace.path(row["features"]), mixed)


@pytest.fixture
def judged(project):
    """A round on features, and another embedding after it."""
    start_round(project, 1, method="label-propagation")
    small_project.run_jobs(project)
    flipped_features(project)
    return project


def test_a_round_names_the_embedding_it_was_started_with(judged) -> None:
    first = row_of(judged, 1)
    assert first.gear == Gear.FEATURES
    assert first.embedding_id != newest(judged)["id"]
    start_round(judged, 1, method="label-propagation", same_as=1)
    assert row_of(judged, 2).embedding_id == newest(judged)["id"]


def test_a_queued_round_trains_on_the_features_there_were_when_it_was_started(project) -> None:
    start_round(project, 1, method="label-propagation")
    small_project.run_jobs(project)
    expected, _ = small_project.published(project, 1)
    flipped = newest(project)["id"]
    start_round(project, 1, method="label-propagation", same_as=1)
    assert row_of(project, 2).embedding_id == flipped
    flipped_features_first(project)
    found, _ = small_project.published(project, 2)
    assert found.tobytes() == expected.tobytes()


def flipped_features_first(access) -> None:
    """Store other features as the newest embedding before the queued round runs."""
    from sslapp.store.database import writing
    from sslapp.store.integrity import seals

    row = {name: value for name, value in newest(access).items() if name not in ("id", "seal")}
    path = access.workspace.jobs / "embed-other" / "attempt-1" / "features.npy"
    features = np.array(durable.read_array(access.workspace.path(row["features"])))
    durable.write_array(path, features[::-1].copy())
    with writing(access.engine) as conn:
        seals.insert(conn, embedding, {**row, "features": access.workspace.relative(path)})
    small_project.run_jobs(access)


def test_neighbours_and_the_map_are_those_of_its_own_features(judged) -> None:
    own = row_of(judged, 1).embedding_id
    with reading(judged.engine) as conn:
        trained = conn.execute(select(embedding).where(embedding.c.id == own)).one()
    features = durable.read_array(judged.workspace.path(trained.features))
    nearest = similar(judged, 1, 50, k=5, round_number=1).tolist()
    assert nearest == similar_in(features, 50, judged)
    assert nearest != similar(judged, 1, 50, k=5).tolist()
    board = read_board(judged, 1, 1)
    np.testing.assert_array_equal(
        board.xy, durable.read_array(judged.workspace.path(trained.projection))
    )
    evidence = [each.position for each in inspect(judged, 1, 1, 50).evidence]
    distances = 1 - unit(features)[evidence] @ unit(features)[50]
    assert (np.diff(distances) >= -1e-6).all()


@pytest.mark.slow
def test_a_round_on_pixels_looks_in_the_newest_embedding_if_it_is_asked_to(project) -> None:
    options = small_project.TINY_SUPERVISED
    start_round(project, 1, method="supervised", gear=Gear.PIXELS, config=options)
    small_project.run_jobs(project)
    flipped_features(project)
    assert (
        similar(project, 1, 50, k=5, round_number=1, space=Space.ENCODER).tolist()
        == similar(project, 1, 50, k=5).tolist()
    )


def unit(features) -> np.ndarray:
    rows = np.asarray(features, dtype=np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def similar_in(features, position: int, access) -> list[int]:
    from sslapp.store.state import load_state

    with reading(access.engine) as conn:
        pool = load_state(conn, 1).pool
    pool = pool[pool != position]
    alike = unit(features)[pool] @ unit(features)[position]
    return pool[np.argsort(-alike, kind="stable")][:5].tolist()
