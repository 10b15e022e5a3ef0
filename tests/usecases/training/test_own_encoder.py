"""An encoder that learns from a project's own images: the job, and what it leaves."""

import numpy as np
import pytest
import small_project
from sqlalchemy import select

from sslapp import durable
from sslapp.embedding.encoders import OWN
from sslapp.imaging.pixels import PixelStore
from sslapp.rounds.data import TaskPixels
from sslapp.store import images
from sslapp.store.database import reading
from sslapp.store.errors import Refused
from sslapp.store.schema import embedding
from sslapp.training.predictor import NetworkPredictor
from sslapp.usecases.exporting.models import export_model
from sslapp.usecases.images.embeddings import (
    embed,
    embedding_time,
    encoder_title,
    encoders_of_project,
)
from sslapp.usecases.images.encoded_views import WantedViews, start_encoding
from sslapp.usecases.images.encoder_jobs import own_network
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.training.own_encoder import NEAREST, QUERIES, learn, neighbours_so_far
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import Gear, JobState


def rows(access):
    """The embeddings, newest last."""
    with reading(access.engine) as conn:
        return conn.execute(select(embedding).order_by(embedding.c.id)).mappings().all()


def features(access, row) -> np.ndarray:
    return np.array(durable.read_array(access.workspace.path(row["features"])))


@pytest.mark.slow
def test_it_learns_embeds_and_is_used_again(project) -> None:
    assert OWN not in encoders_of_project(project, 1)
    with pytest.raises(ValueError, match="no encoder of its own yet"):
        embed(project, 1, OWN)
    job = learn(project, 1, steps=10, seed=3)
    with pytest.raises(Refused, match="being trained already"):
        learn(project, 1)
    ended = small_project.finish(project, job)
    assert ended["state"] == JobState.DONE, ended["error"]
    first = rows(project)[-1]
    assert first["encoder"] == OWN
    with reading(project.engine) as conn:
        sets = images.image_sets(conn, 1)
    pixels = TaskPixels(PixelStore([project.workspace.path(each.pixels) for each in sets]))
    network = NetworkPredictor.load(own_network(project.workspace.path(first["features"])))
    everything = np.arange(first["count"])
    np.testing.assert_allclose(
        features(project, first), network.embed(pixels, everything).numpy(), rtol=1e-4, atol=1e-5
    )
    seen = neighbours_so_far(project, 1)
    assert (seen.step, seen.total, len(seen.rows)) == (10, 10, QUERIES)
    unit = features(project, first)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    for image, *nearest in seen.rows:
        assert len(set(nearest) - {image}) == NEAREST
        alike = unit[nearest] @ unit[image]
        assert (np.diff(alike) < 1e-5).all(), "the nearest first"

    assert encoders_of_project(project, 1)[OWN].title == encoder_title(OWN)
    small_project.finish(project, embed(project, 1, OWN))
    again = rows(project)[-1]
    assert again["id"] > first["id"]
    np.testing.assert_array_equal(features(project, again), features(project, first))
    views = start_encoding(project, 1, WantedViews(weak=0, strong=1, augmentation="geometric"))
    ended = small_project.finish(project, views)
    assert ended["state"] == JobState.DONE, ended["error"]
    assert embedding_time(project, 1, OWN)[1].measured
    number = start_round(project, 1, method="supervised", gear=Gear.FEATURES, encoder=OWN)
    small_project.run_jobs(project)
    ended = small_project.finish(project, export_model(project, 1, number))
    assert ended["state"] == JobState.FAILED
    assert 'The encoder "own" has no form outside of sslapp' in ended["error"]
    assert small_project.damage(project) is None


@pytest.mark.slow
def test_the_same_seed_teaches_the_same_and_another_does_not(open_copy, prepared) -> None:
    found = []
    for seed in (1, 1, 2):
        access = open_copy(prepared)
        small_project.finish(access, learn(access, 1, steps=3, seed=seed))
        found.append(features(access, rows(access)[-1]))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 1e-3


@pytest.mark.slow
def test_it_reads_originals_at_the_size_that_is_asked_for(project, tmp_path) -> None:
    large = np.random.default_rng(0).integers(0, 256, (70, 110, 110), dtype=np.uint8)
    np.savez(tmp_path / "large.npz", train_images=large)
    made = create_project(project, "large")
    small_project.finish(project, import_images(project, made, str(tmp_path / "large.npz")))
    ended = small_project.finish(project, learn(project, made, steps=1, image_size=96))
    assert ended["state"] == JobState.DONE, ended["error"]
    row = rows(project)[-1]
    network = NetworkPredictor.load(own_network(project.workspace.path(row["features"])))
    assert network.shape == (1, 96, 96)


def test_wrong_wishes_are_refused_with_the_mend(project, tmp_path) -> None:
    with pytest.raises(ValueError, match=r"Option network: .*is no network"):
        learn(project, 1, network="../weights")
    empty = create_project(project, "empty")
    with pytest.raises(ValueError, match="no images yet"):
        learn(project, empty)
    np.savez(tmp_path / "few.npz", train_images=np.zeros((5, 8, 8), dtype=np.uint8))
    small_project.finish(project, import_images(project, empty, str(tmp_path / "few.npz")))
    ended = small_project.finish(project, learn(project, empty))
    assert ended["state"] == JobState.FAILED
    assert "only 5 to learn from" in ended["error"]
