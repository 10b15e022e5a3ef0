"""What is seen of several de-identified files that are one image."""

import numpy as np
import pytest
from dicom_files import SECRET, data_set, written
from numpy.typing import NDArray

from sslapp.imaging.bundles import Bundle, bundled
from sslapp.imaging.decode import decode, deep_values, suffix
from sslapp.imaging.dicom.deidentification.cleaning import cleaned
from sslapp.imaging.dicom.together import picture_at
from sslapp.imaging.refused import MAX_PIXELS, RefusedFile
from sslapp.vocabulary import StackRule

SLICES = np.random.default_rng(3).integers(0, 100, (5, 6, 6)).astype(np.uint16) + np.arange(
    0, 500, 100, dtype=np.uint16
).reshape(5, 1, 1)
WINDOW = {"WindowCenter": 300.5, "WindowWidth": 601, "RescaleSlope": 1, "RescaleIntercept": 0}


def clean(values: NDArray, number: int = 0, **elements: object) -> bytes:
    elements = {"SOPInstanceUID": f"1.2.9.{number}", **elements}
    return cleaned(written(data_set(values, **elements)), SECRET)[0]


def stack(rule: StackRule | None, slices: NDArray = SLICES, **elements: object) -> bytes:
    files = [clean(each, at, **elements) for at, each in enumerate(slices)]
    return bundled(files, len(files), rule, "stack")


def seen(values: NDArray) -> NDArray:
    """By the window of 0 to 600."""
    return np.rint(np.clip(values / 600, 0, 1) * 255).astype(np.uint8)


def test_each_rule_shows_what_it_says() -> None:
    for rule, wanted in (
        (StackRule.MIDDLE, seen(SLICES[2])),
        (StackRule.THREE, np.stack([seen(SLICES[at]) for at in (1, 2, 3)], axis=-1)),
        (StackRule.MAXIMUM, seen(SLICES.max(axis=0))),
    ):
        found = decode(stack(rule, **WINDOW), "stack").astype(int)
        assert np.abs(found - wanted).max() <= 1, rule


def test_a_picture_is_seen_by_its_place() -> None:
    bundle = Bundle(stack(StackRule.MIDDLE, **WINDOW), "stack")
    for at, each in enumerate(SLICES):
        assert np.abs(picture_at(bundle, at, MAX_PIXELS).astype(int) - seen(each)).max() <= 1


def test_slices_without_a_window_have_that_of_the_middle_one() -> None:
    bundle = Bundle(stack(StackRule.MIDDLE), "stack")
    middle = picture_at(bundle, 2, MAX_PIXELS)
    assert middle.min() == 0
    assert middle.max() == 255
    assert (picture_at(bundle, 0, MAX_PIXELS) == 0).all()  # all of it is below
    assert (picture_at(bundle, 4, MAX_PIXELS) == 255).all()


def test_pictures_that_are_no_stack_lie_side_by_side_each_by_its_own_window() -> None:
    small, large = SLICES[0], np.kron(SLICES[4], np.ones((2, 2), np.uint16))
    content = bundled([clean(small), clean(large, 1), clean(small, 2)], 3, None, "study")
    sheet = decode(content, "study")
    assert sheet.shape == (24, 24)
    own = picture_at(Bundle(content, "study"), 1, MAX_PIXELS)
    np.testing.assert_array_equal(sheet[:12, 12:], own)
    assert (sheet[12:, 12:] == 0).all()  # a place that none is in


def test_colours_and_greys_can_be_together() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    files = [clean(SLICES[0], **WINDOW), clean(colours, 1)]
    sheet = decode(bundled(files, 2, None, "study"), "study")
    np.testing.assert_array_equal(sheet[:, 6:], colours)
    assert (sheet[:, :6, 0] == sheet[:, :6, 2]).all()
    for rule in (StackRule.MAXIMUM, StackRule.THREE):
        assert decode(bundled(files, 2, rule, "stack"), "stack").shape == (6, 6, 3)


def test_slices_of_another_size_are_brought_to_that_of_the_middle_one() -> None:
    files = [clean(SLICES[0]), clean(SLICES[1], 1), clean(np.zeros((9, 7), np.uint16), 2)]
    for rule in (StackRule.MAXIMUM, StackRule.THREE):
        assert decode(bundled(files, 3, rule, "stack"), "stack").shape[:2] == (6, 6)


def test_no_file_comes_in_that_was_not_de_identified() -> None:
    stranger = written(data_set(SLICES[0]))
    content = bundled([clean(SLICES[0]), stranger], 2, None, "study")
    with pytest.raises(RefusedFile, match="a file in it was not de-identified here"):
        decode(content, "study")


def test_what_is_too_large_or_damaged_is_refused() -> None:
    content = stack(StackRule.MAXIMUM)
    with pytest.raises(RefusedFile, match="more than the 30 allowed"):
        decode(content, "stack", max_pixels=30)
    with pytest.raises(RefusedFile, match="damaged"):
        decode(content[:-200], "stack")


def test_a_bundle_is_called_an_archive_and_has_no_deep_values() -> None:
    content = stack(StackRule.MIDDLE)
    assert suffix(content) == ".zip"
    assert deep_values(content, "stack") is None
