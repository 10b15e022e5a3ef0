"""What a round trains on where images belong to groups: never on a label of the holdout's group."""

import numpy as np

from sslapp.rounds.data import build_task
from sslapp.store.snapshots import Snapshot
from sslapp.vocabulary import Source


def snapshot(**changes) -> Snapshot:
    """Labels 0 to 5, of which 4 and 5 are the holdout; 6 to 8 are the pool."""
    content = {
        "labels": np.array([0, 1, 0, 1, 0, 1, -1, -1, -1]),
        "source": np.array([Source.EXPERT] * 6 + [Source.NONE] * 3, dtype=np.uint8),
        "forbidden": np.zeros((9, 2), dtype=bool),
        "holdout": np.array([False] * 4 + [True] * 2 + [False] * 3),
        "is_test": np.zeros(9, dtype=bool),
    }
    return Snapshot(event_number=1, hash="", class_ids=np.array([7, 8]), **(content | changes))


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


def test_what_no_class_fits_teaches_unless_it_or_its_patient_measures() -> None:
    said = np.zeros((9, 2), dtype=bool)
    said[[0, 2, 6, 7, 8]] = True  # a label that came later stands
    said[3, 0] = True
    holdout = np.array([False] * 4 + [True] * 2 + [False, True, False])
    labels = np.array([0, 1, -1, 1, 0, 1, -1, -1, -1])
    found = snapshot(forbidden=said, holdout=holdout, labels=labels)
    task = build_task(found, pixels=None, features=None, groups=None)
    assert task.none_of_these.tolist() == [2, 6, 8]
    assert task.validation.tolist() == [4, 5]
    patients = np.array([0, 1, 4, 3, 4, 5, 6, 7, 8])
    task = build_task(found, pixels=None, features=None, groups=patients)
    assert task.none_of_these.tolist() == [6, 8]
