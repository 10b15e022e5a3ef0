"""What a round sees where several encoders have encoded the images."""

import numpy as np
import pytest
import small_project

from sslapp import durable
from sslapp.rounds.data import TaskFeatures
from sslapp.store.database import reading, writing
from sslapp.store.embeddings import latest_embedding
from sslapp.store.integrity import seals
from sslapp.store.schema import embedding
from sslapp.training.inputs.joined import JoinedFeatures
from sslapp.usecases.training.history import detail
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import Gear, JobState


def test_joined_features_are_unit_vectors_side_by_side() -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.normal(size=(6, d)).astype(np.float32) * d for d in (3, 5))
    beside = [TaskFeatures(other, name="other")]
    joined = JoinedFeatures(TaskFeatures(one, name="one", beside=beside))
    assert (joined.name, joined.shape, joined.views) == ("one and other", (6, 8), {"clean"})
    rows = np.array([4, 0])
    found = joined.take(rows).numpy()
    np.testing.assert_allclose(np.linalg.norm(found[:, :3], axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(
        found[:, 3:], other[rows] / np.linalg.norm(other[rows], axis=1)[:, None], rtol=1e-6
    )
    with pytest.raises(ValueError, match="no encoded views"):
        joined.take(rows, "weak-0")


def embedded_by(access, encoder: str, dim: int) -> None:
    """Features of another encoder: some of the pixels' main components, each its own number."""
    with reading(access.engine) as conn:
        row = latest_embedding(conn, 1)
    features = np.array(durable.read_array(access.workspace.path(row["features"])))[:, :dim]
    path = access.workspace.jobs / encoder / "attempt-1" / "features.npy"
    durable.write_array(path, np.ascontiguousarray(features))
    values = {name: value for name, value in row.items() if name not in ("id", "seal")}
    named = {"encoder": encoder, "features": access.workspace.relative(path), "dim": dim}
    with writing(access.engine) as conn:
        seals.insert(conn, embedding, {**values, **named})


@pytest.mark.parametrize("method", ["supervised", "prototypes", "nearest-neighbours"])
def test_a_method_sees_all_learned_encoders_unless_one_is_named(project, method) -> None:
    embedded_by(project, "efficientnet-lite0", 20)
    embedded_by(project, "efficientnet-lite2", 16)
    seen = {}
    for encoder in (None, "efficientnet-lite0"):
        number = start_round(project, None, method=method, gear=Gear.FEATURES, encoder=encoder)
        small_project.run_jobs(project)
        found = detail(project, 1, number)
        assert found.state == JobState.DONE, found.error
        seen[encoder] = found.encoders
    assert seen == {
        None: ["efficientnet-lite2", "efficientnet-lite0"],
        "efficientnet-lite0": ["efficientnet-lite0"],
    }
    assert small_project.damage(project) is None
