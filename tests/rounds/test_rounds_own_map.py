"""What a finished round keeps of its model's features, and that a kill changes nothing of it."""

import numpy as np
import pytest
from sqlalchemy import select

from sslapp import durable
from sslapp.embedding.pca import fit
from sslapp.rounds.data import TaskPixels
from sslapp.rounds.own_map import write_own_map
from sslapp.rounds.project_pixels import training_store
from sslapp.store.database import reading
from sslapp.store.rounds import finished_round
from sslapp.store.schema import round_
from sslapp.training.predictor import NetworkPredictor
from sslapp.usecases.maintenance.verification import verify_workspace
from sslapp.vocabulary import Projection


def the_round(access, number: int = 1):
    with reading(access.engine) as conn:
        return finished_round(conn, 1, number)


def array(access, path: str) -> np.ndarray:
    return np.array(durable.read_array(access.workspace.path(path)))


def network_and_pixels(access):
    folder = access.workspace.path(the_round(access).probabilities).parent / "predictor"
    with reading(access.engine) as conn:
        return NetworkPredictor.load(folder), TaskPixels(training_store(conn, access.workspace, 1))


def test_a_round_on_pixels_keeps_the_features_of_its_network_and_their_map(reviewed) -> None:
    found = the_round(reviewed)
    predictor, pixels = network_and_pixels(reviewed)
    expected = predictor.embed(pixels, np.arange(160)).numpy()
    features, xy = array(reviewed, found.features), array(reviewed, found.pca)
    assert (features.dtype, features.shape) == (np.float16, expected.shape)
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-3)
    axes = fit([features.astype(np.float32)], 2)
    plain = axes.project(features.astype(np.float32))
    scale = np.abs(plain).max() / np.abs(xy).max()
    np.testing.assert_allclose(xy * scale, plain, rtol=1e-3, atol=1e-3 * np.abs(plain).max())
    assert (found.umap, found.projection, found.shown_map) == (None, Projection.PCA, found.pca)


def test_a_round_on_frozen_features_keeps_none(ensembled) -> None:
    found = the_round(ensembled)
    assert (found.features, found.pca, found.projection, found.shown_map) == (None,) * 4


@pytest.mark.parametrize("column", ["features", "pca"])
def test_a_changed_byte_of_either_file_is_found(reviewed, column: str) -> None:
    path = reviewed.workspace.path(getattr(the_round(reviewed), column))
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    problems = verify_workspace(reviewed.workspace).every_problem
    assert len(problems) == 1 and str(path) in problems[0]
    assert "Run round 1 again" in problems[0]


def test_a_file_that_is_not_recorded_is_told(reviewed) -> None:
    with reading(reviewed.engine) as conn:
        row = conn.execute(select(round_.c.features)).scalar_one()
    reviewed.workspace.path(row).unlink()
    (problem,) = verify_workspace(reviewed.workspace).every_problem
    assert "is missing" in problem


class Counted:
    """A predictor that says of each image its position, and notes how many were asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def embed(self, source, rows):
        import torch

        self.asked.append(len(rows))
        return torch.from_numpy(np.stack([rows, rows % 7, rows * 0 + 1e6], axis=1)).float()


def test_large_sets_are_written_block_by_block_and_never_overflow(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("sslapp.rounds.own_map.BLOCK", 16)
    predictor, told = Counted(), []
    written = write_own_map(predictor, None, 40, tmp_path, seed=0, said=told.append)
    assert (predictor.asked, told) == ([16, 16, 8], [0, 16, 32])
    features = durable.read_array(written["features"])
    assert features[:, 0].tolist() == list(range(40))
    assert (features[:, 2] == np.finfo(np.float16).max).all()
    assert durable.read_array(written["pca"]).shape == (40, 2)


def test_whoever_stops_it_leaves_no_file(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("sslapp.rounds.own_map.BLOCK", 16)

    def stop(done: int) -> None:
        if done == 16:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        write_own_map(Counted(), None, 40, tmp_path, seed=0, said=stop)
    assert list(tmp_path.iterdir()) == []
