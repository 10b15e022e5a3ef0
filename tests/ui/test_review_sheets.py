"""The sheet in front of a reader stays as it is while the selection shrinks, until it is turned."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslapp.ui.review import sheets
from sslapp.ui.review.sheets import LENGTH, Sheet, about, current, token, turn

SELECTION = np.random.default_rng(0).permutation(1000)[:200].astype(np.int64)


def without(positions: np.ndarray, *gone: int) -> np.ndarray:
    return positions[~np.isin(positions, gone)]


def test_a_selection_begins_with_its_first_sheet() -> None:
    sheet = current(None, "a", SELECTION)
    assert sheet.images == tuple(SELECTION[:LENGTH].tolist())
    told = about(sheet, SELECTION)
    assert (told["range"], told["less"], told["more"]) == (f"1–{LENGTH}", False, True)


def test_decided_images_stay_on_the_sheet_and_another_selection_replaces_it() -> None:
    sheet = current(None, "a", SELECTION)
    fewer = without(SELECTION, *sheet.images[:30])
    assert current(sheet, "a", fewer) is sheet
    assert current(sheet, "a", without(SELECTION, *sheet.images)) is sheet, "all decided singly"
    assert current(sheet, "b", fewer).images == tuple(fewer[:LENGTH].tolist())


def test_after_a_bulk_decision_what_was_left_out_is_shown() -> None:
    sheet = current(None, "a", SELECTION)
    left = SELECTION[150:153]
    assert current(sheet, "a", left).images == tuple(left.tolist())
    assert current(sheet, "a", SELECTION[:0]) is sheet, "nothing is left: its outcome stays"


def test_turning_goes_on_behind_the_sheet_and_back() -> None:
    sheet = current(None, "a", SELECTION)
    rest = without(SELECTION, *sheet.images[:10])
    second = turn(sheet, rest, "next")
    assert second.images == tuple(SELECTION[LENGTH : 2 * LENGTH].tolist())
    assert turn(second, rest, "back").images == tuple(rest[:LENGTH].tolist())
    assert about(turn(second, rest, "next"), rest)["more"] is False


@pytest.mark.slow
@given(st.data())
def test_no_undecided_image_is_passed_by(data: st.DataObject) -> None:
    """Whatever is decided on the way, turning on shows every image that was never decided."""
    positions, shown = SELECTION, set()
    sheet = current(None, "a", positions)
    kept = set(SELECTION.tolist())
    for _ in range(20):
        shown |= set(sheet.images)
        decided = data.draw(st.sets(st.sampled_from(sheet.images)))
        positions = without(positions, *decided)
        kept -= decided
        if not about(sheet, positions)["more"]:
            break
        sheet = turn(sheet, positions, "next")
    assert kept <= shown


@pytest.mark.parametrize("change", [{"scope": "b"}, {"start": 1}, {"images": (1,)}])
def test_a_token_names_one_sheet(change) -> None:
    values = {"scope": "a", "start": 0, "images": (1, 2), "total": 2}
    hashes = ["0a", "0b"]
    assert token(Sheet(**values), hashes) != token(Sheet(**(values | change)), hashes)
    assert token(Sheet(**values), hashes) != token(Sheet(**values), ["0a", "0c"])
    assert token(Sheet(**values), hashes) == token(Sheet(**(values | {"total": 9})), hashes)
    assert sheets.LENGTH <= 100


def test_an_empty_sheet_takes_in_what_an_undo_brings_back() -> None:
    empty = current(None, "all", np.arange(0))
    assert empty.images == ()
    assert current(empty, "all", np.array([7])).images == (7,)
