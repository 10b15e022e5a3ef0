"""Numbers as a reader says them."""

from datetime import datetime, timedelta

import pytest

from sslapp import words


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "–"),
        (3.14, "3.1 s"),
        (48.4, "48 s"),
        (119.6, "2 min 0 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_a_duration_is_said_in_two_units_at_most(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


def test_what_is_left_is_never_said_to_be_nothing() -> None:
    assert words.remaining(0.2) == "about 1 s left"
    assert words.remaining(None) == ""


def test_a_proportion_comes_with_its_exact_interval_and_n() -> None:
    # Clopper-Pearson, 95 %: 0.025 ** (1 / 8) = 0.6306
    assert words.proportion(1.0, 8) == "100.0 % (63.1 to 100.0 %), n = 8"


def test_one_thing_is_not_many() -> None:
    assert words.count(1, "image") == "1 image"
    assert words.count(1797, "image") == "1,797 images"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (3600, "1 h ago"),
        (24 * 3600, "1 day ago"),
        (30 * 24 * 3600, "30 days ago"),
        (31 * 24 * 3600, "2026-01-01"),
    ],
)
def test_how_long_ago(seconds: int, said: str) -> None:
    now = datetime(2026, 1, 1) + timedelta(seconds=seconds)
    assert words.ago(datetime(2026, 1, 1), now) == said
