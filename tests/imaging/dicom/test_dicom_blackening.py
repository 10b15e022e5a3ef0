"""What is blacked out is seen as black, gone from the file, and all else stays as it was."""

import io

import numpy as np
import pytest
from burned_in import file
from dicom_files import SECRET, coded, data_set, item, run_lengths, written
from PIL import Image
from pydicom import dcmread, uid

from sslapp.imaging.dicom.deidentification.blackening import blackened, stored_parts
from sslapp.imaging.dicom.deidentification.cleaning import cleaned
from sslapp.imaging.dicom.deidentification.mark import is_marked
from sslapp.imaging.dicom.opening import open_dicom
from sslapp.imaging.dicom.originals import picture
from sslapp.imaging.dicom.pixels.frames import frame_values
from sslapp.imaging.dicom.seen import seen_frames
from sslapp.imaging.rectangles import Rectangle
from sslapp.imaging.refused import RefusedFile

PART = Rectangle(3, 2, 9, 5)
ROWS, COLUMNS = slice(2, 7), slice(3, 12)
RANDOM = np.random.default_rng(3)
GREYS = RANDOM.integers(20, 256, (16, 20), dtype=np.uint8)
DEEP = RANDOM.integers(100, 4000, (16, 20)).astype(np.uint16)
SIGNED = RANDOM.integers(-900, 3000, (16, 20)).astype(np.int16)
COLOURS = RANDOM.integers(20, 256, (16, 20, 3), dtype=np.uint8)
PALETTE = {
    f"{colour}PaletteColorLookupTable{end}": value
    for colour in ("Red", "Green", "Blue")
    for end, value in (("Descriptor", [4, 0, 8]), ("Data", b"\x40\xff\x00\x80"))
}


def jpeg(values: np.ndarray) -> bytes:
    target = io.BytesIO()
    Image.fromarray(values).save(target, "JPEG", quality=95)
    return target.getvalue()


NATIVE = {
    "MONOCHROME2 of 8 bits": data_set(GREYS),
    "MONOCHROME1 of 8 bits": data_set(GREYS, PhotometricInterpretation="MONOCHROME1"),
    "16 bits without a window": data_set(DEEP),
    "12 bits in the middle": data_set(DEEP << 2, BitsStored=12, HighBit=13),
    "MONOCHROME1 of 16 bits": data_set(DEEP, PhotometricInterpretation="MONOCHROME1"),
    "signed, with a window": data_set(
        SIGNED, RescaleSlope=1, RescaleIntercept=-24, WindowCenter=40, WindowWidth=400
    ),
    "a falling rescale": data_set(
        SIGNED, RescaleSlope=-1, RescaleIntercept=0, WindowCenter=-40, WindowWidth=400
    ),
    "inverse": data_set(DEEP, PresentationLUTShape="INVERSE"),
    "padding": data_set(SIGNED, PixelPaddingValue=-900),
    "RGB": data_set(COLOURS),
    "RGB in planes": data_set(
        COLOURS, PlanarConfiguration=1, PixelData=np.moveaxis(COLOURS, -1, 0).tobytes()
    ),
    "YBR": data_set(COLOURS, PhotometricInterpretation="YBR_FULL"),
    "YBR 4:2:2": data_set(
        COLOURS,
        PhotometricInterpretation="YBR_FULL_422",
        PixelData=RANDOM.integers(20, 256, 16 * 20 * 2, dtype=np.uint8).tobytes(),
    ),
    "frames": data_set(np.stack([DEEP, DEEP + 7])),
}


def out(content: bytes, *parts: Rectangle) -> bytes:
    series = open_dicom(content, "a file").header.series_uid
    return blackened(content, {series: parts or (PART,)}, "a file")


def shown(content: bytes) -> list[np.ndarray]:
    return [each.picture for each in seen_frames(content, "a file")]


@pytest.mark.parametrize("made", NATIVE.values(), ids=NATIVE)
def test_the_rectangle_is_black_and_stored_values_elsewhere_are_the_same(made) -> None:
    before = cleaned(written(made), SECRET)[0]
    after = out(before)
    file_ = open_dicom(after, "a file")
    assert is_marked(file_)
    assert file_.header.syntax == uid.ExplicitVRLittleEndian
    assert file_.header.burned_in is False
    assert picture(after, "a file", 1000) is not None
    for each in shown(after):
        assert not each[ROWS, COLUMNS].any()
    old = open_dicom(before, "a file")
    for at in range(file_.header.format.frames):
        outside = np.ones((16, 20), bool)
        odd = made.PhotometricInterpretation == "YBR_FULL_422"  # two pixels share their colours
        outside[ROWS, slice(2, 12) if odd else COLUMNS] = False
        was, now = frame_values(old, at), frame_values(file_, at)
        assert (was[outside] == now[outside]).all()
        assert len(np.unique(now[ROWS, COLUMNS].reshape(-1, *now.shape[2:]), axis=0)) == 1
    assert out(before) == after


def test_a_palette_is_painted_black_with_its_own_black_or_becomes_rgb() -> None:
    numbers = RANDOM.integers(0, 2, (16, 20), dtype=np.uint8)
    elements = {"PhotometricInterpretation": "PALETTE COLOR", **PALETTE}
    made = data_set(numbers, **elements)
    for colour in ("Red", "Green", "Blue"):
        name = f"{colour}PaletteColorLookupTable"
        made[f"{name}Descriptor"].VR, made[f"{name}Data"].VR = "US", "OW"
    before = cleaned(written(made), SECRET)[0]
    after = out(before)
    (was,), (now,) = shown(before), shown(after)
    assert not now[ROWS, COLUMNS].any()
    now[ROWS, COLUMNS] = was[ROWS, COLUMNS]
    assert (was == now).all()
    assert open_dicom(after, "a file").header.format.photometric == "PALETTE COLOR"
    for colour in ("Red", "Green", "Blue"):
        made[f"{colour}PaletteColorLookupTableData"].value = b"\x40\xff\x10\x80"
    bright = cleaned(written(made), SECRET)[0]
    (was,), (now,) = shown(bright), shown(out(bright))
    assert not now[ROWS, COLUMNS].any()
    now[ROWS, COLUMNS] = was[ROWS, COLUMNS]
    assert (was == now).all()


@pytest.mark.parametrize(
    ("values", "syntax", "frame", "photometric"),
    [
        (GREYS, uid.JPEGBaseline8Bit, jpeg, "MONOCHROME2"),
        (COLOURS, uid.JPEGBaseline8Bit, jpeg, "YBR_FULL_422"),
        (DEEP, uid.RLELossless, run_lengths, "MONOCHROME2"),
        (DEEP, uid.JPEGLSLossless, lambda each: coded(each, uid.JPEGLSLossless), "MONOCHROME1"),
        (COLOURS, uid.RLELossless, run_lengths, "RGB"),
    ],
    ids=["grey JPEG", "JPEG", "runs", "JPEG-LS", "runs of colours"],
)
def test_compressed_pictures_are_written_without_compression(
    values, syntax, frame, photometric
) -> None:
    made = data_set(values, PhotometricInterpretation=photometric)
    before = cleaned(written(made, syntax, frames=[frame(values)]), SECRET)[0]
    after = out(before)
    (was,), (now,) = shown(before), shown(after)
    assert not now[ROWS, COLUMNS].any()
    if values.dtype == np.uint8:
        now[ROWS, COLUMNS] = was[ROWS, COLUMNS]
        assert (was == now).all()
    assert open_dicom(after, "a file").header.syntax == uid.ExplicitVRLittleEndian
    assert frame(values) not in after


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 1.0), (1.0, 1.7), (0.3, 0.8)])
def test_a_rectangle_on_an_enlarged_picture_is_black_in_all_its_pixels(spacing) -> None:
    made = data_set(GREYS, PixelSpacing=list(spacing))
    before = cleaned(written(made), SECRET)[0]
    part = Rectangle(5, 3, 11, 7)
    (now,) = shown(out(before, part))
    assert not now[3:10, 5:16].any()
    ((rows, columns),) = stored_parts(open_dicom(before, "a file").header, [part])
    assert (rows.stop - rows.start) * spacing[0] <= (7 + 3 * max(spacing)) * min(spacing) * 2
    assert columns.stop <= 20
    if spacing == (1.0, 1.0):
        assert (rows, columns) == (slice(3, 10), slice(5, 16))


def test_single_bits_and_floating_numbers() -> None:
    bits = RANDOM.integers(0, 2, (2, 7, 9), dtype=np.uint8)
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    made = data_set(
        bits, BitsAllocated=1, BitsStored=1, HighBit=0, PixelData=packed + b"\0" * (len(packed) % 2)
    )
    part = Rectangle(2, 1, 4, 3)
    for each, was in zip(shown(out(cleaned(written(made), SECRET)[0], part)), bits, strict=True):
        assert not each[1:4, 2:6].any()
        outside = np.ones((7, 9), bool)
        outside[1:4, 2:6] = False
        assert ((each > 0) == was)[outside].all()


def test_only_the_series_that_is_named_and_only_files_of_ours() -> None:
    before = cleaned(file(GREYS), SECRET)[0]
    assert blackened(before, {"2.25.1": [PART]}) == before
    assert blackened(before, {}) == before
    with pytest.raises(ValueError, match="no file that was de-identified here"):
        blackened(file(GREYS), {"1.2.9.1": [PART]})
    with pytest.raises(ValueError, match="outside of the picture of 20 x 16 pixels"):
        out(before, Rectangle(20, 0, 4, 4))
    assert not shown(out(before, Rectangle(15, 10, 900, 900)))[0][10:, 15:].any()


def test_what_can_show_no_black_is_refused() -> None:
    table = item(LUTExplanation="bright")
    table[0].add_new("LUTDescriptor", "US", [2, 0, 8])
    table[0].add_new("LUTData", "OW", np.array([200, 255], "<u2").tobytes())
    before = cleaned(written(data_set(GREYS, VOILUTSequence=table)), SECRET)[0]
    with pytest.raises(RefusedFile, match="no stored value is seen as black"):
        out(before)


def test_nothing_else_is_said_than_before() -> None:
    before = cleaned(file(DEEP, WindowCenter=1000, WindowWidth=2000), SECRET)[0]
    old, new = (dcmread(io.BytesIO(each)) for each in (before, out(before)))
    assert new.BurnedInAnnotation == "NO"
    for each in old:
        if each.keyword not in ("PixelData", "BurnedInAnnotation"):
            assert new[each.tag] == each
    assert {each.keyword for each in new} - {each.keyword for each in old} == {"BurnedInAnnotation"}
