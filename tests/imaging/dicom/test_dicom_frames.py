"""Stored values of frames: bits, signs, colours, and every compression."""

import io
import tracemalloc
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import COLOURS, GREY, HTJ2K, coded, data_set, run_lengths, written
from lossless_jpeg import lossless_jpeg
from PIL import Image
from pydicom import uid

from sslapp.imaging.dicom.opening import open_dicom
from sslapp.imaging.dicom.pixels import apart, frames
from sslapp.imaging.dicom.pixels.apart import DecoderFailed, decoded_apart
from sslapp.imaging.dicom.pixels.frames import frame_values
from sslapp.imaging.refused import RefusedFile

PYDICOM = Path(pydicom.__file__).parent / "data" / "test_files"
LARGE = np.arange(64 * 80, dtype=np.uint16).reshape(64, 80) * 12


def values_of(content: bytes, index: int = 0) -> np.ndarray:
    return frame_values(open_dicom(content, "a.dcm"), index)


@pytest.mark.parametrize(
    ("values", "elements", "wanted"),
    [
        (np.uint8([[0, 200, 255]]), {}, np.uint8([[0, 200, 255]])),
        (np.int8([[-128, -1, 127]]), {}, np.int16([[-128, -1, 127]])),
        (np.int16([[-32768, -1, 32767]]), {}, np.int16([[-32768, -1, 32767]])),
        (np.uint32([[0, 2**31, 2**32 - 1]]), {}, np.uint32([[0, 2**31, 2**32 - 1]])),
        (np.int32([[-(2**31), 0, 5]]), {}, np.int32([[-(2**31), 0, 5]])),
        # an overlay in the upper four bits is no part of the value
        (np.uint16([[0xF123, 0x0FFF]]), {"BitsStored": 12, "HighBit": 11}, [[0x123, 0xFFF]]),
        (np.int16([[0x0FFF, 0x07FF]]), {"BitsStored": 12, "HighBit": 11}, [[-1, 2047]]),
        (np.uint16([[0xABC5, 0x0010]]), {"BitsStored": 12, "HighBit": 15}, [[0xABC, 1]]),
        (np.uint8([[0x1F, 0x83]]), {"BitsStored": 5, "HighBit": 4}, [[31, 3]]),
    ],
)
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian])
def test_stored_bits_and_signs(values, elements, wanted, syntax) -> None:
    found = values_of(written(data_set(values, **elements), syntax))
    np.testing.assert_array_equal(found, wanted)
    if isinstance(wanted, np.ndarray):
        assert found.dtype == wanted.dtype


def test_one_bit_a_pixel_without_padding_between_frames() -> None:
    bits = np.random.default_rng(1).integers(0, 2, (3, 3, 5), dtype=np.uint8)
    packed = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    made = data_set(bits, BitsAllocated=1, BitsStored=1, HighBit=0, PixelData=packed)
    for at in range(3):
        np.testing.assert_array_equal(values_of(written(made), at), bits[at])


def test_floating_numbers_are_read_as_float32() -> None:
    values = np.array([[0.5, -2.25], [1e6, 3]], np.float32)
    made = data_set(np.zeros((2, 2), np.uint32), PixelData=None, BitsStored=None, HighBit=None)
    made.FloatPixelData = values.tobytes()
    np.testing.assert_array_equal(values_of(written(made)), values)


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian])
def test_colours_in_pixels_and_in_planes(planar, syntax) -> None:
    lying = np.moveaxis(COLOURS, -1, 0) if planar else COLOURS
    made = data_set(COLOURS, PlanarConfiguration=planar, PixelData=lying.tobytes())
    np.testing.assert_array_equal(values_of(written(made, syntax)), COLOURS)


def test_deep_colours_keep_their_upper_bits() -> None:
    made = data_set(np.uint16([[[65535, 256, 255]]]))
    assert values_of(written(made)).tolist() == [[[255, 1, 0]]]


@pytest.mark.parametrize(
    ("photometric", "ybr", "rgb"),
    [
        ("YBR_FULL", [76, 85, 255], [254, 0, 0]),  # red, by JFIF's numbers
        ("YBR_PARTIAL_422", [82, 90, 240], [255, 0, 0]),  # red, by ITU-R 601
        ("YBR_FULL_422", [150, 44, 21], [0, 255, 1]),
    ],
)
def test_ybr_becomes_rgb(photometric, ybr, rgb) -> None:
    content = bytes(ybr) * 2
    if photometric.endswith("422"):
        content = bytes([ybr[0], ybr[0], ybr[1], ybr[2]])
    made = data_set(
        np.zeros((1, 2, 3), np.uint8), PhotometricInterpretation=photometric, PixelData=content
    )
    found = values_of(written(made))
    assert np.abs(found.astype(int) - rgb).max() <= 1, found


def palette(entries: np.ndarray, **elements: object) -> pydicom.Dataset:
    """A file with numbers of a palette of (n, 3) uint16."""
    made = data_set(np.uint8([[0, 1, 2, 3]]), PhotometricInterpretation="PALETTE COLOR", **elements)
    for at, colour in enumerate(("Red", "Green", "Blue")):
        name = f"{colour}PaletteColorLookupTable"
        made.add_new(f"{name}Descriptor", "US", [len(entries), 1, 16])
        made.add_new(f"{name}Data", "OW", entries[:, at].astype("<u2").tobytes())
    return made


def test_palettes_are_painted_and_their_ends_go_on() -> None:
    made = palette(np.array([[0x1000, 0x2000, 0x3000], [0xFF00, 0, 0x0100]], np.uint16))
    wanted = [[16, 32, 48], [16, 32, 48], [255, 0, 1], [255, 0, 1]]
    for syntax in (uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian):
        assert values_of(written(made, syntax)).tolist() == [wanted]


def test_a_palette_in_segments_is_written_out() -> None:
    """Two discrete values, then a line of four to 0x5000; green and blue copy the first segment."""
    made = palette(np.zeros((6, 3), np.uint16))
    for colour in ("Red", "Green", "Blue"):
        name = f"{colour}PaletteColorLookupTable"
        made[f"{name}Descriptor"].value = [6, 0, 16]
        del made[f"{name}Data"]
        segments = [0, 2, 0x0100, 0x1000, 1, 4, 0x5000]
        made.add_new(f"Segmented{name}Data", "OW", np.array(segments, "<u2").tobytes())
    assert values_of(written(made))[0, :, 0].tolist() == [1, 0x10, 0x20, 0x30]


@pytest.mark.parametrize(
    "syntax",
    [uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless],
    ids=lambda each: each.keyword,
)
@pytest.mark.parametrize(
    "values",
    [
        LARGE,
        (LARGE.astype(np.int32) - 32000).astype(np.int16),
        LARGE.astype(np.uint8),
        np.stack([LARGE, LARGE >> 2, LARGE >> 5], axis=-1).astype(np.uint8),
    ],
    ids=["uint16", "int16", "uint8", "colours"],
)
def test_lossless_compressions_give_the_values_back(syntax, values) -> None:
    found = values_of(written(data_set(values), syntax, frames=[coded(values, syntax)]))
    np.testing.assert_array_equal(found, values)
    assert found.dtype == values.dtype


def test_high_throughput_jpeg_2000_gives_the_values_back() -> None:
    content = written(data_set(GREY), uid.HTJ2KLossless, frames=[HTJ2K])
    np.testing.assert_array_equal(values_of(content), GREY)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_lossless_jpeg_gives_the_values_back(bits) -> None:
    values = (GREY >> (16 - bits)).astype(np.uint8 if bits == 8 else np.uint16)
    made = data_set(values, BitsStored=bits, HighBit=bits - 1)
    content = written(made, uid.JPEGLosslessSV1, frames=[lossless_jpeg(values, bits)])
    np.testing.assert_array_equal(values_of(content), values)


def test_extended_jpeg_of_12_bits_is_read() -> None:
    """As DCMTK 3.6.7's dcmdjpeg reads pydicom's file."""
    values = values_of((PYDICOM / "JPGExtended.dcm").read_bytes())
    assert (values.shape, values.dtype, values.max()) == ((1024, 256), np.uint16, 264)
    assert values.mean() == pytest.approx(14.36999, abs=1e-5)


def jpeg(values: np.ndarray, **options: object) -> bytes:
    target = io.BytesIO()
    Image.fromarray(values).save(target, "JPEG", quality=95, **options)
    return target.getvalue()


def test_baseline_jpeg_is_read_in_grey_and_in_colour() -> None:
    smooth = np.linspace(0, 255, 256).reshape(16, 16).astype(np.uint8)
    grey = written(data_set(smooth), uid.JPEGBaseline8Bit, frames=[jpeg(smooth)])
    assert np.abs(values_of(grey).astype(int) - smooth).max() <= 6
    colours = np.stack([smooth, smooth[::-1], smooth.T], axis=-1)
    made = data_set(colours, PhotometricInterpretation="YBR_FULL_422")
    content = written(made, uid.JPEGBaseline8Bit, frames=[jpeg(colours, subsampling=1)])
    assert np.abs(values_of(content).astype(int) - colours).mean() <= 6


def test_one_frame_of_a_thousand_is_decoded_without_the_others() -> None:
    stack = np.arange(1000, dtype=np.uint16)[:, None, None] + GREY[None, :2, :2]
    file = open_dicom(written(data_set(stack)), "a.dcm")
    frame_values(file)  # so that what is made once is made
    tracemalloc.start()
    try:
        assert frame_values(file, 999).tolist() == (GREY[:2, :2] + 999).tolist()
        assert tracemalloc.get_traced_memory()[1] < 5_000
    finally:
        tracemalloc.stop()
    one = [run_lengths(each) for each in stack[:30]]
    file = open_dicom(written(data_set(stack[:30]), uid.RLELossless, frames=one), "a.dcm")
    for at in (0, 17, 29):
        np.testing.assert_array_equal(frame_values(file, at), stack[at])
    with pytest.raises(IndexError, match="no frame 30 among 30"):
        frame_values(file, 30)


def test_a_codestream_of_another_size_is_not_decoded() -> None:
    """65,500 x 65,500 pixels in a frame whose header says 8 x 8."""
    frame = bytearray(lossless_jpeg(GREY.astype(np.uint8)))
    at = frame.index(b"\xff\xc3")
    frame[at + 5 : at + 9] = b"\xff\xdc\xff\xdc"
    content = written(data_set(GREY.astype(np.uint8)), uid.JPEGLosslessSV1, frames=[bytes(frame)])
    with pytest.raises(RefusedFile, match="says that it has 65,500 x 65,500 pixels of 1 samples"):
        values_of(content)


@pytest.mark.slow
def test_a_frame_that_ends_its_decoder_is_refused_and_the_next_is_decoded() -> None:
    """GDCM ends the process over a lossless JPEG of 255 bits a sample."""
    good = lossless_jpeg(GREY, 16)
    made = data_set(GREY)
    at = good.index(b"\xff\xc3") + 4
    bad = good[:at] + b"\xff" + good[at + 1 :]
    asked = {"syntax": uid.JPEGLosslessSV1, "plugin": "gdcm", "raw": True}
    options = frames._options(open_dicom(written(made), "a.dcm").header.format)
    with pytest.raises(DecoderFailed, match="the decoder ended"):
        decoded_apart(bad, asked | {"options": options})
    with pytest.raises(RefusedFile, match=r"frame 1 in .7fe0,0010. is damaged or cut off"):
        values_of(written(made, uid.JPEGLosslessSV1, frames=[bad]))
    found = values_of(written(made, uid.JPEGLosslessSV1, frames=[good]))
    np.testing.assert_array_equal(found, GREY)


@pytest.mark.slow
def test_a_decoder_that_died_or_takes_too_long_is_replaced(monkeypatch) -> None:
    content = written(data_set(GREY), uid.RLELossless, frames=[run_lengths(GREY)])
    np.testing.assert_array_equal(values_of(content), GREY)
    waiting = apart._idle.queue[-1].process
    waiting.kill()
    waiting.wait()
    np.testing.assert_array_equal(values_of(content), GREY)
    apart.end_decoders()
    monkeypatch.setattr(apart, "LONGEST", 0.01)  # a new one is not yet ready by then
    with pytest.raises(RefusedFile, match="damaged or cut off"):
        values_of(content)
    monkeypatch.undo()
    np.testing.assert_array_equal(values_of(content), GREY)


def test_a_missing_transfer_syntax_is_guessed_from_the_frames() -> None:
    for syntax, frame in (
        (uid.HTJ2K, HTJ2K),
        (uid.JPEGLossless, lossless_jpeg(GREY, 16)),
    ):
        content = written(data_set(GREY), uid.ExplicitVRLittleEndian, frames=[frame], says="")
        file = open_dicom(content, "a.dcm")
        np.testing.assert_array_equal(frame_values(file), GREY)
        assert any(syntax.name in note for note in file.header.notes), file.header.notes


def test_frames_in_several_fragments_are_put_together() -> None:
    made = data_set(np.stack([GREY, GREY + 1]))
    parts = []
    for values in (GREY, GREY + 1):
        frame = lossless_jpeg(values, 16)
        cut = len(frame) // 4 * 2
        parts += [frame[:cut], frame[cut:]]
    content = written(made, uid.JPEGLosslessSV1, frames=parts, offsets=False)
    file = open_dicom(content, "a.dcm")
    assert file.fragments is not None
    assert len(file.fragments.places) == 4
    for at in range(2):
        np.testing.assert_array_equal(frame_values(file, at), GREY + at)


def test_videos_and_unknown_syntaxes_are_named() -> None:
    with pytest.raises(RefusedFile, match=r"a DICOM video .MPEG2"):
        open_dicom(written(data_set(), frames=[b"\0"], says=uid.MPEG2MPML), "a.dcm")
    with pytest.raises(RefusedFile, match=r"the transfer syntax 1\.2\.3"):
        open_dicom(written(data_set(), frames=[b"\0"], says="1.2.3"), "a.dcm")
    assert frames.frame_count(open_dicom(written(data_set()), "a.dcm")) == 1
