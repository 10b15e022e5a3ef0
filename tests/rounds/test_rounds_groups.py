"""What a round trains on where images belong to groups: never on a label of the holdout's group."""

import numpy as np

from sslapp.rounds.data import build_task
from sslapp.store.snapshots import Snapshot
from sslapp.vocabulary import Source


def snapshot() -> Snapshot:
    """Labels 0 to 5, of which 4 and 5 are the holdout; 6 to 8 are the pool."""
    return Snapshot(
        event_number=1,
        hash="",
        class_ids=np.array([7, 8]),
        labels=np.array([0, 1, 0, 1, 0, 1, -1, -1, -1]),
        source=np.array([Source.EXPERT] * 6 + [Source.NONE] * 3, dtype=np.uint8),
        forbidden=np.zeros((9, 2), dtype=bool),
        holdout=np.array([False] * 4 + [True] * 2 + [False] * 3),
        is_test=np.zeros(9, dtype=bool),
    )


def test_a_label_on_an_image_of_the_holdouts_patient_is_not_trained_on() -> None:
    patients = np.array([0, 1, 2, 3, 1, 5, 1, 7, 8])
    task = build_task(snapshot(), pixels=None, features=None, groups=patients)
    assert task.labelled.tolist() == [0, 2, 3]
    assert task.validation.tolist() == [4, 5]
    assert not np.isin(patients[task.labelled], patients[task.validation]).any()


def test_images_without_groups_are_all_trained_on() -> None:
    for groups in (None, np.arange(9)):
        task = build_task(snapshot(), pixels=None, features=None, groups=groups)
        assert task.labelled.tolist() == [0, 1, 2, 3]
