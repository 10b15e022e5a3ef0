"""The order by words for the classes: the surest of each class first, and not a word of which."""

from dataclasses import replace

import numpy as np
import pytest

from sslapp.acquisition.registry import pick


@pytest.fixture
def spoken(small):
    """120 images of which 0-9, 40-49 and 80-89 are like one class each, the more the earlier."""
    likeness = np.full((120, 3), 0.2, dtype=np.float32)
    for column in range(3):
        at = np.arange(10) + 40 * column
        likeness[at, column] = 0.9 - np.arange(10) / 100
    return replace(small, likeness=likeness, groups=None, votes=None, probabilities=None)


def test_the_surest_of_every_class_come_first_in_turns(spoken) -> None:
    picks = [each.position for each in pick("zero-shot", spoken, 9, seed=0)]
    for turn in range(3):
        assert {each // 40 for each in picks[3 * turn : 3 * turn + 3]} == {0, 1, 2}
        assert {each % 40 for each in picks[3 * turn : 3 * turn + 3]} == {turn}
    assert len({each // 40 for each in pick_first(spoken)}) == 3, "no class is always the first"


def pick_first(situation) -> list[int]:
    return [pick("zero-shot", situation, 1, seed=each)[0].position for each in range(30)]


def test_the_reason_says_nothing_of_what_the_words_found(spoken) -> None:
    picks = pick("zero-shot", spoken, 30, seed=0)
    assert len({each.reason for each in picks}) == 1
    assert not any(character.isdigit() for character in picks[0].reason)
    assert not any(each.holdout for each in picks)


def test_an_image_between_two_classes_is_less_wanted_than_one_that_is_like_one_alone(
    spoken,
) -> None:
    likeness = spoken.likeness.copy()
    likeness[100] = [0.95, 0.94, 0.0]
    situation = replace(spoken, likeness=likeness, candidates=np.array([0, 100]))
    scores = {each.position: each.score for each in pick("zero-shot", situation, 2, seed=1)}
    assert scores[0] == pytest.approx(0.7)
    assert scores[100] == pytest.approx(0.01)
    one = replace(situation, likeness=likeness[:, :1], num_classes=1)
    assert [each.position for each in pick("zero-shot", one, 2, seed=1)] == [100, 0]


def test_without_words_it_says_what_to_do(spoken) -> None:
    with pytest.raises(ValueError, match="embedded with an encoder that reads text"):
        pick("zero-shot", replace(spoken, likeness=None), 3, seed=0)
    with pytest.raises(ValueError, match="likeness: expected shape"):
        replace(spoken, likeness=np.zeros((120, 2), dtype=np.float32))
