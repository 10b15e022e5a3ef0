"""What a round does not read: rows outside labelled, pool and validation."""

import numpy as np
import pytest
import small_project

from sslapp import durable
from sslapp.store.database import reading
from sslapp.store.embeddings import latest_embedding
from sslapp.store.images import image_sets
from sslapp.store.state import load_state
from sslapp.usecases.labelling import decisions, verdicts
from sslapp.usecases.training.rounds import start_round

STEPS = {"steps": 6}


def rows_out_of_play(access, *, none_teach: bool) -> np.ndarray:
    """(N,) bool: test images, drawn but unlabelled holdout images; none-of-these, unless they teach
    the method."""
    with reading(access.engine) as conn:
        state = load_state(conn, 1)
    used = np.concatenate([state.labelled, state.pool, state.validation])
    if none_teach:
        used = np.append(used, state.none_of_these)
    return ~np.isin(np.arange(len(state.labels)), used)


def prepare(access) -> None:
    small_project.draw_holdout(access, 50)
    for column in range(10):
        verdicts.reject(access, None, 51, str(column))


def overwrite(path, rows: np.ndarray, value: float) -> None:
    array = np.array(durable.read_array(path))
    array[rows] = value
    durable.write_array(path, array)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fixmatch", "supervised"])
def test_garbage_in_rows_out_of_play_changes_no_other_prediction(method, open_copy, prepared):
    outcomes = []
    for poisoned in (False, True):
        access = open_copy(prepared)
        prepare(access)
        out = rows_out_of_play(access, none_teach=True)
        assert out[50] and not out[51] and out.sum() == small_project.TEST + 1
        if poisoned:
            with reading(access.engine) as conn:
                store = image_sets(conn, 1)[0].pixels
            overwrite(access.workspace.path(store), out, 255)
        config = {**small_project.TINY, **STEPS}
        if method == "supervised":
            del config["unlabelled_ratio"]
        start_round(access, None, method=method, config=config)
        small_project.run_jobs(access)
        outcomes.append(small_project.published(access))
    (clean, clean_temperature), (dirty, dirty_temperature) = outcomes
    assert clean[~out].tobytes() == dirty[~out].tobytes()
    assert clean_temperature == dirty_temperature
    assert (clean[out] != dirty[out]).any(), "the poison was not there"


@pytest.mark.parametrize("method", ["supervised", "label-propagation"])
def test_features_of_rows_out_of_play_change_no_other_prediction(method, open_copy, prepared):
    outcomes = []
    for poisoned in (False, True):
        access = open_copy(prepared)
        prepare(access)
        out = rows_out_of_play(access, none_teach=False)
        if poisoned:
            with reading(access.engine) as conn:
                features = latest_embedding(conn, 1)["features"]
            overwrite(access.workspace.path(features), out, 1e3)
        start_round(access, None, method=method, gear="features")
        small_project.run_jobs(access)
        outcomes.append(small_project.published(access)[0])
    assert outcomes[0][~out].tobytes() == outcomes[1][~out].tobytes()
    assert (outcomes[0][out] != outcomes[1][out]).any(), "the poison was not there"


@pytest.mark.slow
def test_labels_of_the_holdout_train_nothing(open_copy, prepared) -> None:
    outcomes = []
    for wrong in (False, True):
        access = open_copy(prepared)
        with reading(access.engine) as conn:
            held = load_state(conn, 1).validation
        truth = small_project.true_columns(access)
        for position in held.tolist() if wrong else []:
            decisions.label(access, None, position, str((truth[position] + 1) % 10))
        start_round(access, None, config={**small_project.TINY, **STEPS})
        small_project.run_jobs(access)
        outcomes.append(small_project.published(access)[0])
    assert outcomes[0].tobytes() == outcomes[1].tobytes()
