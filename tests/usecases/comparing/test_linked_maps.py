"""Two rounds on maps side by side: the same images on both, and none that measures."""

import numpy as np
import pytest

from sslapp.usecases.comparing.comparison import read_comparison
from sslapp.usecases.comparing.maps import linked_key, linked_maps
from sslapp.usecases.labelling import decisions
from sslapp.usecases.reviewing.board import read_board
from sslapp.vocabulary import Space


@pytest.fixture
def pair(open_copy, with_two_rounds):
    """Access to two rounds, of which the first has a model with features of its own."""
    return open_copy(with_two_rounds)


def test_both_maps_show_the_same_images_each_in_its_space(pair) -> None:
    found = read_comparison(pair, 1, [1, 2])
    linked = linked_maps(pair, 1, found, (1, 2))
    boards = [read_board(pair, 1, number) for number in (1, 2)]
    np.testing.assert_array_equal(linked.positions, np.flatnonzero(~boards[0].blind))
    assert [each.space for each in linked.maps] == [Space.ROUND, Space.ENCODER]
    for each, board in zip(linked.maps, boards, strict=True):
        np.testing.assert_array_equal(each.xy, board.xy[linked.positions])
        np.testing.assert_array_equal(
            each.predicted, found.of(each.number).predicted[linked.positions]
        )
    same = found.agreement(1, 2).trace()
    assert 0 < linked.agree.sum() <= same


def test_an_outline_on_one_map_selects_the_same_images_on_the_other(pair) -> None:
    linked = linked_maps(pair, 1, read_comparison(pair, 1, [1, 2]), (1, 2))
    xy = linked.maps[1].xy
    left, bottom, right, top = (
        *np.quantile(xy, 0.25, axis=0).tolist(),
        *np.quantile(xy, 0.75, axis=0).tolist(),
    )
    box = [[(left, bottom), (right, bottom), (right, top), (left, top)]]
    by_hand = ((xy > (left, bottom)) & (xy < (right, top))).all(axis=1)
    np.testing.assert_array_equal(linked.inside(1, box), by_hand)
    assert 0 < by_hand.sum() < len(xy)
    assert linked.inside(0, box).tolist() != by_hand.tolist()


def test_of_many_images_the_same_sample_is_drawn_again(pair) -> None:
    found = read_comparison(pair, 1, [1, 2])
    some = linked_maps(pair, 1, found, (1, 2), most=30)
    assert (len(some.positions), some.left_out) == (
        30,
        len(linked_maps(pair, 1, found, (1, 2)).positions) - 30,
    )
    again = linked_maps(pair, 1, found, (1, 2), most=30)
    np.testing.assert_array_equal(some.positions, again.positions)


def test_the_maps_are_others_once_something_is_decided(pair) -> None:
    before = linked_key(pair, 1, (1, 2))
    assert linked_key(pair, 1, (1, 2)) == before
    assert all(before.projections)
    decisions.label(pair, None, 50, "3")
    after = linked_key(pair, 1, (1, 2))
    assert after.event_number == before.event_number + 1
    assert after.projections == before.projections
