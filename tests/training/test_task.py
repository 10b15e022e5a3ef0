"""The door of a task refuses what a method could not work with."""

import dataclasses

import numpy as np
import pytest

from sslapp.training.task import features_of, pixels_of


def replaced(task, **changes):
    return dataclasses.replace(task, **changes)


def test_a_row_may_be_in_one_part_only(stripes):
    task = stripes()
    both = np.append(task.pool, task.labelled[0])
    with pytest.raises(ValueError, match="occurs twice"):
        replaced(task, pool=both)
    with pytest.raises(ValueError, match="occurs twice"):
        replaced(task, pool=np.append(task.pool, task.pool[0]))
    with pytest.raises(ValueError, match="none_of_these: a row occurs twice"):
        replaced(task, none_of_these=task.pool[:1])


def test_rows_lie_in_the_task(stripes):
    with pytest.raises(ValueError, match=r"validation: a row outside 0\.\.59"):
        replaced(stripes(), validation=np.array([60]))


def test_labelled_rows_have_a_class_and_a_source(stripes):
    task = stripes()
    labels = task.labels.copy()
    labels[task.labelled[2]] = -1
    with pytest.raises(ValueError, match="labelled: a row whose label is not a class"):
        replaced(task, labels=labels)
    source = task.source.copy()
    source[task.labelled[2]] = 0
    with pytest.raises(ValueError, match="source: a labelled row has no source"):
        replaced(task, source=source)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("labels", np.zeros(60, dtype=np.int32)),
        ("source", np.zeros(59, dtype=np.uint8)),
        ("forbidden", np.zeros((60, 2), dtype=bool)),
        ("groups", np.zeros(61, dtype=np.int64)),
        ("pool", np.zeros((2, 2), dtype=np.int64)),
    ],
)
def test_shapes_and_types_are_named_when_wrong(stripes, field, value):
    with pytest.raises(ValueError, match=f"^{field}: expected"):
        replaced(stripes(), **{field: value})


def test_one_class_is_no_task(stripes):
    with pytest.raises(ValueError, match="at least 2 classes"):
        replaced(stripes(), num_classes=1)


def test_images_and_features_must_cover_all_rows(stripes):
    task = stripes()

    class Fewer:
        shape = (59, 1, 8, 8)

    with pytest.raises(ValueError, match="pixels: 59 rows, but there are 60 labels"):
        replaced(task, pixels=Fewer())


def test_what_a_task_does_not_have_is_asked_for_with_the_mend(stripes):
    task = stripes()
    assert pixels_of(task) is task.pixels
    with pytest.raises(ValueError, match="trains on images"):
        pixels_of(replaced(task, pixels=None))
    with pytest.raises(ValueError, match="embed the images first"):
        features_of(task)
