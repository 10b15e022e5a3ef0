"""Streams and labelled batches: equal shares, fixed by (seed, purpose, step) alone."""

import numpy as np
import pytest

from sslapp.training.inputs.batches import BalancedStream, LabelledBatches, Stream
from sslapp.vocabulary import Source


def test_every_pass_holds_every_row_once(make_run):
    stream = Stream(np.array([4, 9, 2]), make_run(), "test")
    drawn = stream.take(0, 30).reshape(10, 3)
    assert (np.sort(drawn, axis=1) == [2, 4, 9]).all()
    assert len({tuple(each) for each in drawn}) > 1, "passes are permuted anew"


def test_a_stream_can_be_read_at_any_place(make_run):
    rows = np.arange(10, 27)
    whole = Stream(rows, make_run(), "test").take(0, 100)
    pieces = Stream(rows[::-1].copy(), make_run(), "test")
    for start, count in ((90, 10), (0, 5), (31, 40), (33, 0)):
        assert (pieces.take(start, count) == whole[start : start + count]).all()


def test_purpose_and_seed_change_the_order(make_run):
    rows = np.arange(50)
    one = Stream(rows, make_run(), "test").take(0, 50)
    assert (one != Stream(rows, make_run(), "other").take(0, 50)).any()
    assert (one != Stream(rows, make_run(seed=8), "test").take(0, 50)).any()


def test_a_balanced_stream_draws_all_classes_and_their_rows_equally(make_run):
    classes = np.array([0] * 20 + [2] * 3 + [5])
    rows = np.arange(100, 124)
    stream = BalancedStream(rows, classes, make_run(), "test")
    drawn = np.concatenate([stream.take(start, 20) for start in range(0, 180, 20)])
    counts = np.bincount(drawn, minlength=124)
    assert (counts[100:120] == 3).all()
    assert (counts[120:123] == 20).all()
    assert counts[123] == 60


@pytest.mark.parametrize("sampling", ["natural", "balanced"])
def test_expert_labels_keep_their_share_beside_many_accepted_ones(stripes, make_run, sampling):
    task = stripes(accepted=range(1, 12))
    batches = LabelledBatches(task, make_run(), size=8, sampling=sampling, expert_share=0.5)
    for step in range(10):
        rows = batches.take(step)
        assert len(rows) == 8
        assert (task.source[rows] == Source.EXPERT).sum() == 4


def test_expert_labels_in_the_majority_are_drawn_as_they_are(stripes, make_run):
    task = stripes(accepted=[0, 1, 2])
    batches = LabelledBatches(task, make_run(), size=8, sampling="natural", expert_share=0.5)
    rows = np.concatenate([batches.take(step) for step in range(12)])
    counts = np.bincount(rows, minlength=60)[task.labelled]
    assert (counts == 8).all(), "9 of 12 labels are 6 of 8 places"


@pytest.mark.parametrize("accepted", [(), range(12)])
def test_one_source_alone_fills_the_batch(stripes, make_run, accepted):
    task = stripes(accepted=accepted)
    batches = LabelledBatches(task, make_run(), size=12, sampling="natural", expert_share=0.5)
    assert (np.sort(batches.take(3)) == task.labelled).all()


def test_a_single_accepted_label_is_not_rounded_away(stripes, make_run):
    task = stripes(accepted=[0])
    batches = LabelledBatches(task, make_run(), size=4, sampling="natural", expert_share=1.0)
    rows = np.concatenate([batches.take(step) for step in range(3)])
    assert (task.source[rows] == Source.ACCEPTED).sum() == 3
