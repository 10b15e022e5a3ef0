"""The frames of a training: what they show, that watching changes nothing, and kills."""

import signal

import doomed
import numpy as np
import pytest
import small_project

from sslapp import durable
from sslapp.rounds import frames
from sslapp.rounds.frames import Frames
from sslapp.store.database import reading
from sslapp.store.images import image_sets
from sslapp.store.state import load_state
from sslapp.usecases.access import enter
from sslapp.usecases.jobs import job_status
from sslapp.usecases.training.rounds import round_status, start_round
from sslapp.workspace import Workspace

pytestmark = pytest.mark.timeout(180)

STEPS = 16


def published(access) -> dict[str, np.ndarray]:
    folder = access.workspace.path(round_status(access, None)["frames"])
    names = (frames.POSITIONS, frames.STEPS, frames.XY)
    return {name: np.array(durable.read_array(folder / name)) for name in names}


@pytest.fixture(scope="session")
def film(ended):
    """The frames of a round that nobody disturbed, and where they lie."""
    access = enter(Workspace(workspace=ended(STEPS)[0]), "Ann")
    yield published(access), access
    access.engine.dispose()


def test_a_film_runs_from_the_first_step_to_the_last_over_rows_in_play(film) -> None:
    found, access = film
    steps = found[frames.STEPS]
    assert steps.tolist() == frames.moments(STEPS) == [1, 2, 3, 5, 7, 11, STEPS]
    with reading(access.engine) as conn:
        state = load_state(conn, 1)
    in_play = np.concatenate([state.labelled, state.pool])
    assert found[frames.POSITIONS].tolist() == sorted(in_play.tolist())
    assert found[frames.XY].shape == (len(steps), len(in_play), 2)
    assert found[frames.XY].dtype == np.float32


def test_the_last_frame_is_what_the_finished_network_sees(film) -> None:
    from sslapp.embedding import pca
    from sslapp.imaging.pixels import PixelStore
    from sslapp.rounds.data import TaskPixels
    from sslapp.training.predictor import NetworkPredictor

    found, access = film
    folder = access.workspace.path(round_status(access, None)["probabilities"]).parent
    predictor = NetworkPredictor.load(folder / "predictor")
    with reading(access.engine) as conn:
        store = PixelStore([access.workspace.path(each.pixels) for each in image_sets(conn, 1)])
    x = predictor.embed(TaskPixels(store), found[frames.POSITIONS]).numpy()
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    expected = pca.fit([x], 2).project(x)
    # frames are kept with three digits
    np.testing.assert_allclose(found[frames.XY][-1], expected, atol=5e-3)
    assert np.abs(found[frames.XY][0] - expected).max() > 0.05, "nothing moved"


@pytest.mark.slow
def test_watching_changes_no_prediction(film, waiting, monkeypatch) -> None:
    access = waiting(STEPS)
    monkeypatch.setattr(Frames, "observe", lambda *_: None)
    small_project.run_jobs(access)
    assert round_status(access, None)["frames"] is None
    unseen, _ = small_project.published(access)
    assert unseen.tobytes() == small_project.published(film[1])[0].tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("when", ["in", "after rename"])
def test_killed_while_frames_are_written_it_leaves_the_same_film(
    when, film, launcher, waiting
) -> None:
    access = waiting(STEPS)
    files = ("7.npy", f"{STEPS}.npy", frames.STEPS, frames.XY)
    for file in files:
        status = launcher.run(access.workspace.root, doomed.WORKER, die_at=f"{when} {file}")
        assert status == -signal.SIGKILL, file
    assert launcher.run(access.workspace.root, doomed.WORKER) == 0
    assert job_status(access, 3)["attempt"] == 1 + len(files)
    for name, array in published(access).items():
        assert array.tobytes() == film[0][name].tobytes(), name


def test_a_method_that_takes_no_steps_has_no_film(project) -> None:
    start_round(project, None, method="label-propagation")
    small_project.run_jobs(project)
    row = round_status(project, None)
    assert (row["state"], row["frames"]) == ("done", None)


def test_moments_are_steps_of_the_training() -> None:
    for total in (1, 2, 7, 8, 500, 2**20):
        found = frames.moments(total)
        assert found == sorted(set(found))
        assert (found[0], found[-1]) == (1, total)
        assert len(found) <= frames.MOMENTS


def test_a_large_set_is_watched_through_a_sample_drawn_by_the_seed() -> None:
    class Rows:
        labelled = np.arange(50)
        pool = np.arange(100, 5000)

    drawn = frames.sample(Rows(), 3)
    assert len(drawn) == len(np.unique(drawn)) == frames.SAMPLE
    assert np.isin(drawn, np.concatenate([Rows.labelled, Rows.pool])).all()
    assert frames.sample(Rows(), 3).tolist() == drawn.tolist()
    assert frames.sample(Rows(), 4).tolist() != drawn.tolist()
