"""What is seen of a frame, against numbers that were computed by hand."""

import numpy as np
import pytest
from dicom_files import data_set, item, written

from sslapp.imaging.dicom.display import display, modality_values, presets
from sslapp.imaging.dicom.header import ViewWindow
from sslapp.imaging.dicom.opening import open_dicom
from sslapp.imaging.dicom.pixels.frames import frame_values


def seen(values: np.ndarray, frame: int = 0, **elements: object) -> list[list[int]]:
    file = open_dicom(written(data_set(values, **elements)), "a.dcm")
    return display(file.header, frame_values(file, frame), frame).tolist()


def test_a_linear_window_is_the_standard_s() -> None:
    """PS3.3, C.11.2.1.2.1, of its note: center 2048, width 4096 is the whole range of 12 bits."""
    values = np.uint16([[0, 1, 2047, 2048, 4094, 4095]])
    found = seen(values, WindowCenter="2048", WindowWidth="4096")
    assert found == [[0, 0, 127, 128, 255, 255]]
    # center 2048, width 1: below is black, the rest is white
    assert seen(values, WindowCenter="2048", WindowWidth="1") == [[0, 0, 0, 255, 255, 255]]
    # center 0, width 100, after rescaling by -1024: y = (x + 0.5) / 99 + 0.5
    hounsfield = np.uint16([[974, 975, 1024, 1073, 1074]])
    window = {"WindowCenter": "0", "WindowWidth": "100", "RescaleSlope": "1"}
    assert seen(hounsfield, **window, RescaleIntercept="-1024") == [[0, 3, 129, 255, 255]]


def test_a_linear_exact_window_and_a_sigmoid() -> None:
    values = np.uint8([[0, 25, 50, 75, 100, 200]])
    window = {"WindowCenter": "50", "WindowWidth": "100"}
    assert seen(values, **window, VOILUTFunction="LINEAR_EXACT") == [[0, 64, 128, 191, 255, 255]]
    # 255 / (1 + exp(-4 (x - 50) / 100)): 1 / (1 + e^2) is .1192
    assert seen(values, **window, VOILUTFunction="SIGMOID") == [[30, 69, 128, 186, 225, 254]]


def test_a_negative_slope_turns_the_picture_round() -> None:
    values = np.uint16([[0, 50, 100]])
    elements = {"RescaleSlope": "-2", "RescaleIntercept": "100"}
    file = open_dicom(written(data_set(values, **elements)), "a.dcm")
    assert modality_values(file.header, frame_values(file)).tolist() == [[100, 0, -100]]
    window = {"WindowCenter": "0", "WindowWidth": "200", "VOILUTFunction": "LINEAR_EXACT"}
    assert seen(values, **elements, **window) == [[255, 128, 0]]


def test_monochrome1_is_windowed_first_and_inverted_then() -> None:
    values = np.uint16([[1800, 1900, 2000, 2100, 2300]])
    window = {"WindowCenter": "2000", "WindowWidth": "400", "VOILUTFunction": "LINEAR_EXACT"}
    wanted = [[255, 191, 127, 64, 0]]
    assert seen(values, PhotometricInterpretation="MONOCHROME1", **window) == wanted
    assert seen(values, PresentationLUTShape="INVERSE", **window) == wanted
    both = {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}
    assert seen(values, **both, **window) == wanted


def test_without_a_window_both_monochromes_of_a_picture_look_alike() -> None:
    disk = np.full((32, 32), 300, np.uint16)
    disk[12:28, 12:28] = 2500
    disk[:8, :8] = 3500
    plain = np.array(seen(disk))
    turned = np.array(seen(4095 - disk, PhotometricInterpretation="MONOCHROME1"))
    assert np.abs(plain - turned).max() <= 1
    assert plain[0, 0] > plain[16, 16] > plain[-1, -1]


def table(first: int, entries: list[int], bits: int, **elements: object) -> object:
    made = item(LUTData=np.array(entries, "<u2").tobytes(), **elements)
    made[0].add_new("LUTDescriptor", "US", [len(entries), first % 65536, bits])
    made[0]["LUTData"].VR = "OW"
    return made


def test_tables_come_before_windows_and_their_ends_go_on() -> None:
    values = np.uint8([[0, 1, 2, 3]])
    voi = table(1, [0, 4095], 12, LUTExplanation="LUNG")
    window = {"WindowCenter": "2", "WindowWidth": "1"}
    assert seen(values, VOILUTSequence=voi, **window) == [[0, 0, 255, 255]]
    modality = table(0, [10, 20, 30, 40], 16, ModalityLUTType="US")
    exact = {"WindowCenter": "25", "WindowWidth": "30", "VOILUTFunction": "LINEAR_EXACT"}
    assert seen(values, ModalityLUTSequence=modality, **exact) == [[0, 85, 170, 255]]


def test_a_table_for_signed_values_begins_below_zero() -> None:
    modality = table(-2, [0, 100, 200, 300], 16, ModalityLUTType="US")
    modality[0]["LUTDescriptor"].VR = "SS"
    modality[0]["LUTDescriptor"].value = [4, -2, 16]
    file = open_dicom(
        written(data_set(np.int16([[-3, -2, -1, 0, 1, 2]]), ModalityLUTSequence=modality)), "a"
    )
    found = modality_values(file.header, frame_values(file))
    assert found.tolist() == [[0, 0, 100, 200, 300, 300]]


def test_without_a_window_the_quantiles_without_padding_are_black_and_white() -> None:
    """As imaging/intensities.py: 0.5 and 99.5 percent, of what is a picture."""
    values = np.full((101, 100), 60000, np.uint16)
    values[1:] = np.arange(10_000).reshape(100, 100) % 1000
    found = np.array(seen(values, PixelPaddingValue=60000))
    assert set(found[0]) == {0}
    low, high = np.quantile(values[1:], (0.005, 0.995))
    wanted = np.rint(np.clip((values[1:] - low) / (high - low), 0, 1) * 255)
    np.testing.assert_array_equal(found[1:], wanted)


def test_padding_is_background_after_the_inversion_too_and_may_be_a_range() -> None:
    values = np.uint16([[5, 6, 7, 100]])
    window = {"WindowCenter": "50", "WindowWidth": "100", "VOILUTFunction": "LINEAR_EXACT"}
    padding = {"PixelPaddingValue": 5, "PixelPaddingRangeLimit": 7}
    found = seen(values, PhotometricInterpretation="MONOCHROME1", **padding, **window)
    assert found == [[0, 0, 0, 0]]
    found = seen(values, PhotometricInterpretation="MONOCHROME1", **window)
    assert found == [[242, 240, 237, 0]]


def test_8_bits_without_a_window_are_shown_as_they_are() -> None:
    assert seen(np.uint8([[10, 20, 30]])) == [[10, 20, 30]]
    assert seen(np.int8([[-128, 0, 127]])) == [[0, 128, 255]]
    assert seen(np.uint8([[0, 31]]), BitsStored=5, HighBit=4) == [[0, 255]]


def test_an_even_picture_is_black_and_not_an_error() -> None:
    assert seen(np.full((2, 2), 7, np.uint16)) == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("elements", "shape"),
    [
        ({"PixelSpacing": ["1", "2"]}, (4, 12)),
        ({"ImagerPixelSpacing": ["3", "1"]}, (12, 6)),
        ({"PixelAspectRatio": ["2", "1"]}, (8, 6)),
        ({"PixelSpacing": ["0.5", "0.502"]}, (4, 6)),
        ({"PixelSpacing": ["1", "1000"]}, (4, 6)),  # no scanner's
        ({"PixelSpacing": ["0", "1"]}, (4, 6)),
    ],
)
def test_pixels_become_square_by_enlarging(elements, shape) -> None:
    assert np.array(seen(np.zeros((4, 6), np.uint8), **elements)).shape == shape
    colours = np.zeros((4, 6, 3), np.uint8)
    assert np.array(seen(colours, **elements)).shape == (*shape, 3)


def test_a_file_s_ways_to_show_it_are_offered_by_name_and_any_other_is_taken() -> None:
    made = data_set(
        np.uint16([[0, 50, 100]]),
        WindowCenter=["50", "25"],
        WindowWidth=["100", "50"],
        WindowCenterWidthExplanation=["BONE", ""],
        VOILUTFunction="LINEAR_EXACT",
        VOILUTSequence=table(0, [0, 65535], 16, LUTExplanation="HARDER"),
    )
    file = open_dicom(written(made), "a.dcm")
    offered = presets(file.header)
    assert [each.name for each in offered] == ["HARDER", "BONE", "3 of the file"]
    values = frame_values(file)
    assert display(file.header, values, 0, offered[2].view).tolist() == [[0, 255, 255]]
    other = ViewWindow(100, 200, "LINEAR_EXACT")
    assert display(file.header, values, 0, other).tolist() == [[0, 64, 128]]


def test_each_frame_is_seen_through_its_own_window() -> None:
    made = data_set(np.uint8([[[100]], [[100]]]))
    frames = item(FrameVOILUTSequence=item(WindowCenter="100", WindowWidth="200"))
    frames += item(FrameVOILUTSequence=item(WindowCenter="400", WindowWidth="100"))
    made.PerFrameFunctionalGroupsSequence = frames
    file = open_dicom(written(made), "a.dcm")
    found = [display(file.header, frame_values(file, at), at).tolist() for at in range(2)]
    assert found == [[[128]], [[0]]]
