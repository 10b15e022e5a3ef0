"""Equal images, which the same set imported twice is full of."""

import pytest
import small_project

from sslapp.store.database import reading
from sslapp.store.state import load_state
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.labelling import decisions, verdicts
from sslapp.usecases.labelling.duplicates import copy_labels, duplicates

TWIN = small_project.POOL + small_project.TEST
"""What lies between an image and its twin of the second import."""


@pytest.fixture
def twice(project, tmp_path):
    source = small_project.write_npz(tmp_path / "again.npz")
    import_images(project, None, str(source))
    small_project.run_jobs(project)
    return project


def standing(access):
    with reading(access.engine) as conn:
        return load_state(conn, 1)


def group_of(access, position):
    return next(each for each in duplicates(access, None) if position in each.positions)


def test_every_image_of_a_set_imported_twice_has_a_twin(twice):
    groups = duplicates(twice, None)
    assert len(groups) == TWIN
    assert all(each.positions.tolist() == [i, i + TWIN] for i, each in enumerate(groups))


def test_labels_are_copied_but_never_out_of_the_holdout(twice):
    before = standing(twice)
    trained_on = set(before.labelled.tolist())
    assert copy_labels(twice, None) == len(trained_on)
    after = standing(twice)
    assert set((after.labelled - TWIN)[after.labelled >= TWIN].tolist()) == trained_on
    assert (after.labels[TWIN:][list(trained_on)] == before.labels[list(trained_on)]).all()
    assert copy_labels(twice, None) == 0


def test_a_contradiction_is_reported_and_left_alone(twice):
    first = standing(twice).labels[0]
    decisions.label(twice, None, TWIN, str((first + 1) % 10))
    assert len(group_of(twice, 0).class_ids) == 2
    copy_labels(twice, None)
    assert standing(twice).labels[0] == first


def test_an_accepted_pseudo_label_is_not_copied(open_copy, with_round, tmp_path):
    access = open_copy(with_round)
    import_images(access, None, str(small_project.write_npz(tmp_path / "again.npz")))
    small_project.run_jobs(access)
    accepted = int(standing(access).pool[0])
    verdicts.accept(access, None, [accepted])
    assert group_of(access, accepted).class_ids == []
    copy_labels(access, None)
    assert standing(access).labels[accepted + TWIN] == -1
