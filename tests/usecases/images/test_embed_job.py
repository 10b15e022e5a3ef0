"""The job that embeds images: what it reads, and that a killed one ends as if it had not been."""

import signal

import numpy as np
import small_project
from doomed import WORKER, points
from sqlalchemy import select

from sslapp import durable
from sslapp.embedding.encoders import open_encoder
from sslapp.imaging.decode import decode
from sslapp.imaging.fit import fit
from sslapp.store.database import reading
from sslapp.store.schema import embedding
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.encoded_views import WantedViews, start_encoding
from sslapp.usecases.images.imports import import_images
from sslapp.usecases.images.pictures import picture
from sslapp.usecases.projects.settings import create_project
from sslapp.vocabulary import JobState


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
    encoder = open_encoder("efficientnet-lite0")
    at_full_size = np.stack([fit(image, encoder.side, 1) for image in images])
    expected = encoder._vectors(at_full_size)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    blurred = encoder._vectors(np.stack([fit(fit(each, 64, 1), 224, 1) for each in images]))
    assert np.abs(found - blurred).max() > 0.1
    views = start_encoding(project, made, WantedViews(weak=0, strong=1, augmentation="geometric"))
    job = small_project.finish(project, views)
    assert job["state"] == JobState.DONE, job["error"]  # they stand beside the same features
