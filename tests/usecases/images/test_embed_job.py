"""The job that embeds images: what it reads, and that a killed one ends as if it had not been."""

import signal

import numpy as np
import pytest
import small_project
from doomed import WORKER, points
from sqlalchemy import select

from sslapp import durable
from sslapp.embedding import precision
from sslapp.embedding.encoders import open_encoder
from sslapp.embedding.precision import Precision, fastest
from sslapp.imaging.decode import decode
from sslapp.imaging.fit import fit
from sslapp.store.database import reading
from sslapp.store.embeddings import latest_embedding
from sslapp.store.schema import embedding
from sslapp.usecases.images.embeddings import embed, embedding_time, further_encoder
from sslapp.usecases.images.encoded_views import WantedViews, start_encoding
from sslapp.usecases.images.encoder_jobs import note_precision, precision_of
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.images.pictures import picture
from sslapp.usecases.projects.settings import create_project
from sslapp.vocabulary import JobState

FLOAT32, BFLOAT16 = Precision.FLOAT32, Precision.BFLOAT16


def newest(access) -> tuple[np.ndarray, list[str]]:
    """The features of the newest embedding, and the encoders of all."""
    with reading(access.engine) as conn:
        rows = conn.execute(select(embedding).order_by(embedding.c.id)).mappings().all()
    path = access.workspace.path(rows[-1]["features"])
    return np.array(durable.read_array(path)), [each["encoder"] for each in rows]


def test_a_killed_embedding_ends_with_the_same_features(open_copy, prepared, launcher) -> None:
    calm = open_copy(prepared)
    embed(calm, None, seed=3)
    small_project.run_jobs(calm)
    expected, encoders = newest(calm)
    assert encoders == ["pixels", "pixels"]
    watched = open_copy(prepared)
    embed(watched, None, seed=3)
    assert launcher.run(watched.workspace.root, WORKER) == 0
    names = points(watched.workspace.root)
    chosen = [names.index("in 000000000.npy"), names.index("in features.npy"), len(names) - 2]
    for point in chosen:
        access = open_copy(prepared)
        embed(access, None, seed=3)
        assert launcher.run(access.workspace.root, WORKER, die_at=point + 1) == -signal.SIGKILL
        assert newest(access)[1] == ["pixels"], "nothing of it is visible yet"
        assert launcher.run(access.workspace.root, WORKER) == 0
        found, encoders = newest(access)
        np.testing.assert_array_equal(found, expected, err_msg=names[point])
        assert encoders == ["pixels", "pixels"]
        assert not list(access.workspace.root.rglob("chunks"))
        assert small_project.damage(access) is None


def test_a_pretrained_encoder_reads_arrays_at_full_size(project, tmp_path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 150, 150), dtype=np.uint8)
    np.savez(tmp_path / "large.npz", train_images=images)
    made = create_project(project, "large")
    small_project.finish(project, import_images(project, made, str(tmp_path / "large.npz")))
    seen = decode(picture(project, made, 4).content, "image 4")
    np.testing.assert_array_equal(seen, images[4], err_msg="and so does the reader")
    job = small_project.finish(project, embed(project, made, "efficientnet-lite0"))
    assert job["state"] == JobState.DONE, job["error"]
    found, _ = newest(project)
    encoder = open_encoder("efficientnet-lite0", None, fastest())
    at_full_size = np.stack([fit(image, encoder.side, 1) for image in images])
    expected = encoder._vectors(at_full_size)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    blurred = encoder._vectors(np.stack([fit(fit(each, 64, 1), 224, 1) for each in images]))
    assert np.abs(found - blurred).max() > 0.1
    views = start_encoding(project, made, WantedViews(weak=0, strong=1, augmentation="geometric"))
    job = small_project.finish(project, views)
    assert job["state"] == JobState.DONE, job["error"]  # they stand beside the same features


@pytest.mark.slow
def test_views_are_encoded_in_the_number_format_of_their_features(
    project, tmp_path, monkeypatch
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 40, 40), dtype=np.uint8)
    np.savez(tmp_path / "three.npz", train_images=images)
    made = create_project(project, "three")
    small_project.finish(project, import_images(project, made, str(tmp_path / "three.npz")))
    for then, now in ((BFLOAT16, FLOAT32), (FLOAT32, BFLOAT16)):
        monkeypatch.setattr(precision, "fastest", lambda then=then: then)
        small_project.finish(project, embed(project, made))
        assert newest(project)[1][-1] == "efficientnet-lite0", "which suits 40 pixels"
        monkeypatch.setattr(precision, "fastest", lambda now=now: now)
        views = start_encoding(project, made, WantedViews(weak=0, strong=1))
        job = small_project.finish(project, views)
        assert job["state"] == JobState.DONE, job["error"]
    with reading(project.engine) as conn:
        row = latest_embedding(conn, made)
    features = project.workspace.path(row["features"])
    assert precision_of(features) is FLOAT32
    note_precision(features, BFLOAT16)  # as if a processor without it had taken the job up
    views = start_encoding(project, made, WantedViews(weak=1, strong=1))
    job = small_project.finish(project, views)
    assert job["state"] == JobState.FAILED
    assert "does not make the stored features" in job["error"]


def test_what_an_encoder_takes_is_told_by_its_size_until_it_ran_here(project, tmp_path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 40, 40), dtype=np.uint8)
    np.savez(tmp_path / "five.npz", train_images=images)
    made = create_project(project, "five")
    with pytest.raises(ValueError, match="no images yet"):
        embedding_time(project, made, None)
    small_project.finish(project, import_images(project, made, str(tmp_path / "five.npz")))
    name, before = embedding_time(project, made, None)
    assert (name, before.images, before.measured) == ("efficientnet-lite0", 5, False)
    assert further_encoder(project, made) is None, "there is no learned one to stand beside"
    small_project.finish(project, embed(project, made, name))
    _, after = embedding_time(project, made, name)
    assert after.measured
    further = further_encoder(project, made)
    assert further == "efficientnet-lite2"
    _, other = embedding_time(project, made, further)
    assert not other.measured
    assert other.rate == pytest.approx(after.rate * 0.4 / 0.87)
    assert embedding_time(project, made, "pixels")[1].measured, "in another project"
