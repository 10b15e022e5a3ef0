"""What a header may claim before a byte of its pixels is decoded."""

from sslapp.imaging.dicom.encoding.elements import UnreadDicom
from sslapp.imaging.dicom.header import DicomHeader, PixelFormat
from sslapp.imaging.refused import MAX_BYTES, MAX_PIXELS

_COLOURS = {
    *("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_PARTIAL"),
    *("YBR_ICT", "YBR_RCT"),
}
_GREYS = {"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"}
_HALVED = {"YBR_FULL_422": 2 / 3, "YBR_PARTIAL_422": 2 / 3, "YBR_PARTIAL_420": 1 / 2}
"""Of photometric interpretations with fewer colours than pixels: the share of bytes."""


def check_sizes(header: DicomHeader, length: int, fragments: int | None) -> None:
    """Refuse what is too large, is not in the file, or is no kind of picture that is read.

    Args:
        length: bytes of the element of the pixels.
        fragments: how many an encapsulated file has, None for a native one.

    Raises:
        UnreadDicom: naming the elements.
    """
    layout = header.format
    _check_kind(layout)
    if layout.rows * layout.columns > MAX_PIXELS:
        raise UnreadDicom(
            f"Rows x Columns (0028,0010), {layout.rows:,} x {layout.columns:,}, are more than the "
            f"{MAX_PIXELS:,} pixels allowed"
        )
    if layout.rows * layout.columns * layout.samples * layout.allocated // 8 > MAX_BYTES:
        raise UnreadDicom(f"a frame has more than the {MAX_BYTES:,} bytes allowed")
    if fragments is not None:
        if fragments == 0 or (fragments < layout.frames and layout.frames > 1):
            raise UnreadDicom(
                f"(7fe0,0010) has {fragments:,} fragments, and NumberOfFrames is {layout.frames:,}"
            )
        return
    needed = native_bytes(layout)
    if needed > length:
        raise UnreadDicom(
            f"(7fe0,0010) has {length:,} bytes, and {layout.frames:,} x {layout.rows:,} x "
            f"{layout.columns:,} pixels of {layout.allocated} bits need {needed:,}"
        )


def native_bytes(layout: PixelFormat) -> int:
    """How many bytes all frames of a file that is not compressed take, rounded up."""
    bits = layout.frames * layout.rows * layout.columns * layout.samples * layout.allocated
    return -(-int(bits * _HALVED.get(layout.photometric, 1)) // 8)


def frame_bytes(layout: PixelFormat) -> int:
    """How many bytes a frame takes in a file that is not compressed; of 1 bit, rounded down."""
    bits = layout.rows * layout.columns * layout.samples * layout.allocated
    return int(bits * _HALVED.get(layout.photometric, 1)) // 8


def _named(photometric: str) -> str:
    """What is not read, without showing what a stranger wrote in its place."""
    known = photometric in _COLOURS | _GREYS | {"HSV", "ARGB", "CMYK", "XYB"}
    return photometric if known else "unknown"


def _check_kind(layout: PixelFormat) -> None:
    if layout.kind == "int" and layout.allocated not in (1, 8, 16, 32):
        raise UnreadDicom(f"BitsAllocated (0028,0100) is {layout.allocated}")
    if layout.kind != "int" and (layout.samples != 1 or layout.allocated not in (32, 64)):
        raise UnreadDicom("its floating numbers are no grey picture")
    if not layout.stored <= layout.allocated or not layout.stored - 1 <= layout.high_bit:
        raise UnreadDicom(
            f"BitsStored (0028,0101) is {layout.stored}, HighBit {layout.high_bit} and "
            f"BitsAllocated {layout.allocated}"
        )
    if layout.high_bit >= layout.allocated:
        raise UnreadDicom(f"HighBit (0028,0102) is {layout.high_bit}")
    known = _COLOURS if layout.samples == 3 else _GREYS if layout.samples == 1 else ()
    if layout.photometric not in known:
        raise UnreadDicom(
            f"PhotometricInterpretation (0028,0004) is {_named(layout.photometric)} with "
            f"{layout.samples} samples a pixel"
        )
    if layout.samples == 3 and layout.allocated not in (8, 16, 32):
        raise UnreadDicom(f"colours of {layout.allocated} bits")
