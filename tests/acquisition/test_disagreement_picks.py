"""Picks where members differ: which images, how spread, and what is said of each."""

from dataclasses import replace

import numpy as np
import pytest

from sslapp.acquisition.disagreement import reason
from sslapp.acquisition.registry import pick
from sslapp.acquisition.state import Votes

PROBE, PROTOTYPES, PROPAGATION = "linear probe", "prototypes", "label propagation"


def votes(columns, *, members=(PROBE, PROTOTYPES, PROPAGATION), shares=None) -> Votes:
    """What members say of one image."""
    return Votes(
        members=members,
        classes=("cat", "dog", "cow"),
        divergence=np.array([0.5], dtype=np.float32),
        columns=np.array([columns], dtype=np.int16),
        shares=np.array([shares or [0.5] * len(members)], dtype=np.float32),
    )


def test_the_image_on_which_members_differ_most_is_picked_first(small) -> None:
    (first,) = pick("disagreement", small, 1, seed=0)
    assert first.position == small.votes.divergence.argmax()
    assert first.score == pytest.approx(small.votes.divergence.max())
    assert first.reason == reason(small.votes, first.position)
    outside = small.candidates[small.candidates != first.position]
    (second,) = pick("disagreement", replace(small, candidates=outside), 1, seed=0)
    assert second.position == np.argsort(-small.votes.divergence)[1]


def test_a_batch_is_spread_over_unlike_images(small) -> None:
    """The ten images with most disagreement are near-copies; one of them is enough."""
    features = np.random.default_rng(0).normal(size=(120, 6)).astype(np.float32) * 0.01
    features[10:20] += np.eye(6, dtype=np.float32)[1] * 50
    features[20:30] += np.eye(6, dtype=np.float32)[2] * 50
    falling = replace(small.votes, divergence=np.linspace(1, 0, 120, dtype=np.float32))
    situation = replace(small, features=features, votes=falling, groups=None)
    positions = [each.position for each in pick("disagreement", situation, 3, seed=0)]
    assert positions == [0, 10, 20]


def test_no_more_images_are_compared_than_are_considered(small) -> None:
    few = replace(small, considered=12)
    compared = few.compared(0)
    assert len(compared) == 12
    assert set(compared) <= set(few.trainable)
    picks = pick("disagreement", few, 5, seed=0)
    assert {each.position for each in picks} <= set(compared.tolist())
    assert picks[0].position == compared[small.votes.divergence[compared].argmax()]
    later = replace(few, picks_before=few.picks_before + 1)
    assert later.compared(0).tolist() != compared.tolist(), "the next refill has others"
    assert small.compared(0).tolist() == small.trainable.tolist()


def test_without_members_it_says_what_to_do(small) -> None:
    with pytest.raises(ValueError, match="Train the ensemble of heads"):
        pick("disagreement", replace(small, votes=None), 3, seed=0)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ([0, 1, 1], "Linear probe says cat, prototypes and label propagation dog."),
        ([0, 1, 0], "Linear probe and label propagation say cat, prototypes dog."),
        ([2, 1, 0], "Linear probe says cow, prototypes dog, label propagation cat."),
        ([0, 1, -1], "Linear probe says cat, prototypes dog."),
        ([-1, -1, 1], "Label propagation says dog."),
        ([-1, -1, -1], "The last round's members say nothing about it."),
    ],
)
def test_the_reason_names_what_the_members_say(columns, sentence) -> None:
    assert reason(votes(columns), 0) == sentence


def test_members_of_one_opinion_are_told_apart_by_their_shares() -> None:
    found = votes([1, 1, -1], shares=[0.9, 0.4, 0])
    assert reason(found, 0) == "The members agree on dog, at 40% to 90%."


def test_many_members_or_long_names_are_counted() -> None:
    many = tuple(f"member {number}" for number in range(5))
    found = votes([0, 1, 1, 2, 1], members=many)
    assert reason(found, 0) == "3 of 5 members say dog, 1 cat, 1 cow."
    encoders = ("linear probe, efficientnet-lite0", "linear probe, pixels")
    found = votes([0, 1], members=encoders)
    assert reason(found, 0) == "1 of 2 members says cat, 1 dog."


def test_votes_of_another_number_of_images_are_refused(small) -> None:
    with pytest.raises(ValueError, match="votes: expected 120 images, got 1"):
        replace(small, votes=votes([0, 1, 1]))
