"""Equal images, which the same set imported twice is full of."""

import pytest
import small_project

from sslapp.store.database import reading
from sslapp.store.state import load_state
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.labelling import decisions, verdicts
from sslapp.usecases.labelling.duplicates import copy_labels, duplicates

POOL, TEST = small_project.POOL, small_project.TEST


def twin(position: int) -> int:
    """Where the second import has the same picture: see `small_project.write_more`."""
    first, count = (0, POOL) if position < POOL else (POOL, TEST)
    return POOL + TEST + first + (position - first - 1) % count


@pytest.fixture
def twice(project, tmp_path):
    source = small_project.write_more(tmp_path / "again.npz")
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
    assert [each.positions.tolist() for each in groups] == [
        [position, twin(position)] for position in range(POOL + TEST)
    ]


def test_labels_are_copied_but_never_out_of_the_holdout(twice):
    before = standing(twice)
    trained_on = set(before.labelled.tolist())
    assert copy_labels(twice, None) == len(trained_on)
    after = standing(twice)
    copied = {twin(position): before.labels[position] for position in trained_on}
    assert set(after.labelled.tolist()) == trained_on | set(copied)
    assert all(after.labels[position] == label for position, label in copied.items())
    assert copy_labels(twice, None) == 0


def test_a_contradiction_is_reported_and_left_alone(twice):
    first = standing(twice).labels[0]
    decisions.label(twice, None, twin(0), str((first + 1) % 10))
    assert len(group_of(twice, 0).class_ids) == 2
    copy_labels(twice, None)
    assert standing(twice).labels[0] == first


def test_an_accepted_pseudo_label_is_not_copied(open_copy, with_round, tmp_path):
    access = open_copy(with_round)
    import_images(access, None, str(small_project.write_more(tmp_path / "again.npz")))
    small_project.run_jobs(access)
    accepted = int(standing(access).pool[0])
    verdicts.accept(access, None, [accepted])
    assert group_of(access, accepted).class_ids == []
    copy_labels(access, None)
    assert standing(access).labels[twin(accepted)] == -1
