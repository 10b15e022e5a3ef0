"""Tasks without some labels: nothing that is asked about was taught, and no patient is cut."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_tasks import CLASSES, COUNT, Clouds, blobs

from sslapp.training.folds import ONE_OUT_BELOW, cross_folds, experts, held_out_third, thirds
from sslapp.training.task import Task
from sslapp.vocabulary import Source


def make_task(labelled: int, *, seed: int = 0, accepted: float = 0.0, patients: int = 0) -> Task:
    """A task some of whose labels were accepted, of images of some patients."""
    rng, task = np.random.default_rng(seed), blobs(labelled, 5, seed=seed)
    task.source[task.labelled[rng.random(labelled) < accepted]] = Source.ACCEPTED
    return replace(task, groups=rng.integers(0, patients, COUNT) if patients else None)


def all_parts(task: Task, seed: int = 0, *, quick: bool = True):
    third = held_out_third(task, seed)
    held_out = [] if third is None else [third]
    return [*cross_folds(task, seed, quick=quick), *thirds(task, seed), *held_out]


@settings(max_examples=60, deadline=None)
@given(
    labelled=st.integers(1, 60),
    seed=st.integers(0, 1000),
    accepted=st.sampled_from([0.0, 0.4, 1.0]),
    patients=st.sampled_from([0, 1, 6, 40]),
    quick=st.booleans(),
)
def test_nothing_asked_about_was_taught_and_no_group_is_cut(
    labelled, seed, accepted, patients, quick
) -> None:
    task = make_task(labelled, seed=seed, accepted=accepted, patients=patients)
    for fold in all_parts(task, seed, quick=quick):
        asked = fold.rows
        assert len(asked)
        assert set(asked) <= set(experts(task)), "an accepted pseudo-label is in a fold"
        assert not set(asked) & set(fold.task.labelled)
        assert set(asked) <= set(fold.task.pool)
        assert (fold.task.labels[asked] == -1).all()
        assert (fold.task.source[asked] == Source.NONE).all()
        assert set(fold.task.labelled) <= set(task.labelled)
        kept = fold.task.labelled
        if task.groups is not None:
            assert not set(task.groups[asked]) & set(task.groups[kept])
        assert (task.labels[task.labelled] >= 0).all(), "the task itself is as it was"


@pytest.mark.parametrize("quick", [True, False])
def test_every_label_is_asked_about_once(quick) -> None:
    task = make_task(40)
    rows = np.concatenate([fold.rows for fold in cross_folds(task, 0, quick=quick)])
    assert sorted(rows) == sorted(task.labelled)
    assert len(cross_folds(task, 0, quick=quick)) == 5


def test_thirds_ask_about_every_label_once() -> None:
    task = make_task(41)
    parts = thirds(task, 0)
    assert [len(each.rows) for each in parts] == [14, 14, 13]
    assert sorted(np.concatenate([each.rows for each in parts])) == sorted(task.labelled)


def test_folds_have_their_share_of_every_class() -> None:
    task = make_task(60)
    have = np.bincount(task.labels[task.labelled], minlength=CLASSES)
    for fold in cross_folds(task, 0, quick=False):
        found = np.bincount(task.labels[fold.rows], minlength=CLASSES)
        assert (np.abs(found - have / 5) <= 1).all()


def test_few_labels_are_left_out_one_by_one_where_fits_are_quick() -> None:
    task = make_task(ONE_OUT_BELOW - 1)
    assert len(cross_folds(task, 0, quick=True)) == ONE_OUT_BELOW - 1
    assert len(cross_folds(task, 0, quick=False)) == 5
    wide = replace(task, features=Clouds(np.zeros((COUNT, 6_000), dtype=np.float32)))
    assert len(cross_folds(wide, 0, quick=True)) == 5, "there a fit takes more than a second"


def test_a_label_that_is_the_only_one_of_its_class_is_asked_about_among_many_alone() -> None:
    task = make_task(12)
    task.labels[task.labelled] = 0
    task.labels[task.labelled[3]] = 2
    rows = np.concatenate([fold.rows for fold in cross_folds(task, 0, quick=True)])
    assert sorted(rows) == sorted(task.labelled)
    assert task.labelled[3] in np.concatenate([each.rows for each in thirds(task, 0)])
    third = held_out_third(task, 0)
    assert third is not None
    assert task.labelled[3] not in third.rows


def test_one_patient_cannot_be_divided() -> None:
    task = make_task(20, patients=1)
    assert cross_folds(task, 0, quick=True) == []
    assert thirds(task, 0) == []
    assert held_out_third(task, 0) is None


def test_the_seed_deals_and_the_order_of_rows_does_not() -> None:
    task = make_task(40)
    turned = Task(
        **{
            **{name: getattr(task, name) for name in Task.__dataclass_fields__},
            "labelled": task.labelled[::-1].copy(),
        }
    )
    first, same = (
        [each.rows for each in cross_folds(one, 0, quick=True)] for one in (task, turned)
    )
    other = [each.rows for each in cross_folds(task, 1, quick=True)]
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_a_third_is_a_third() -> None:
    task = make_task(60)
    fold = held_out_third(task, 0)
    assert fold is not None
    assert len(fold.rows) == 20
    assert len(fold.task.labelled) == 40
