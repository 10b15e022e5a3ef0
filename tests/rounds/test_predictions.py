"""A round's predictions for a few images, and for all of them."""

import numpy as np
import pytest
import small_project

from sslapp.rounds.predictions import (
    NO_CLASS,
    in_columns,
    likeliest,
    predictions_at,
    predictions_of,
)
from sslapp.store import label_classes
from sslapp.store.database import reading, writing
from sslapp.store.errors import NotCovered, Refused
from sslapp.store.rounds import finished_round
from sslapp.store.state import load_state
from sslapp.usecases.labelling import verdicts

FEW = np.array([70, 61, 119, 5], dtype=np.int64)


def test_a_few_images_are_told_what_all_are(reviewed) -> None:
    verdicts.reject(reviewed, None, 70)
    with writing(reviewed.engine) as conn:
        label_classes.retire_class(conn, 1, label_classes.classes(conn, 1)[3].id)
    with reading(reviewed.engine) as conn:
        found = finished_round(conn, 1)
        few = predictions_at(conn, reviewed.workspace, found, FEW)
        all_ = predictions_of(reviewed.workspace, found, load_state(conn, 1))
    assert few.forbidden[:, 3].all()
    assert few.forbidden[0].sum() == 2
    same = all_.at(FEW)
    for name in ("positions", "raw", "forbidden", "calibrated", "proposed"):
        np.testing.assert_array_equal(getattr(few, name), getattr(same, name), err_msg=name)
    np.testing.assert_array_equal(few.best.confidence, same.best.confidence)
    np.testing.assert_array_equal(few.best.confidence, all_.best.confidence[FEW])
    masked = np.where(few.forbidden, 0, few.calibrated)
    np.testing.assert_array_equal(few.proposed, few.class_ids[masked.argmax(axis=1)])


def test_an_image_that_the_round_does_not_cover_is_refused(reviewed) -> None:
    with reading(reviewed.engine) as conn:
        found = finished_round(conn, 1)
        for position in (-1, 160):
            with pytest.raises(NotCovered, match="Round 1 covers images 0 to 159"):
                predictions_at(conn, reviewed.workspace, found, np.array([position]))
    before = likeliest(reviewed.workspace, found, np.array([160, 61]))
    raw, _ = small_project.published(reviewed)
    assert before.tolist() == [NO_CLASS, found.class_ids[raw[61].argmax()]]


def test_an_image_with_one_class_left_has_none_to_propose(reviewed) -> None:
    with reading(reviewed.engine) as conn:
        names = [each.name for each in label_classes.classes(conn, 1)]
    for name in names[1:]:
        verdicts.reject(reviewed, None, 70, name)
    with reading(reviewed.engine) as conn:
        found = predictions_at(conn, reviewed.workspace, finished_round(conn, 1), FEW)
    assert found.proposed[0] == NO_CLASS
    assert (found.proposed[1:] != NO_CLASS).all()
    with pytest.raises(Refused, match="Image 70 has no class to propose"):
        found.must_propose()


def test_probabilities_move_into_other_columns(reviewed) -> None:
    with reading(reviewed.engine) as conn:
        found = predictions_of(reviewed.workspace, finished_round(conn, 1), load_state(conn, 1))
    ids = found.round.class_ids
    more = in_columns(found, [*ids, 999], 170)
    assert more.shape == (170, 11)
    np.testing.assert_array_equal(more[:160, :10], found.calibrated)
    assert not more[:160, 10].any()
    np.testing.assert_allclose(more[160:], 1 / 11)
    less = in_columns(found, ids[::-1][:9], 160)
    np.testing.assert_allclose(less.sum(axis=1), 1, rtol=1e-5)
    kept = found.calibrated[:, :0:-1]
    np.testing.assert_allclose(less, kept / kept.sum(axis=1, keepdims=True), rtol=1e-5)
