"""What a picture file says of itself before its pixels are decoded."""

import io
from dataclasses import dataclass

from PIL import Image

from sslapp.imaging.decode import DAMAGE, FORMATS
from sslapp.imaging.frames import frame_count
from sslapp.imaging.refused import RefusedFile

_BITS = {"1": 1, "I;16": 16, "I;16B": 16, "I;16L": 16, "I": 32, "F": 32}
_KINDS = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with transparency",
    "P": "palette",
    "PA": "palette",
    "RGB": "colour",
    "RGBA": "colour with transparency",
    "RGBX": "colour",
    "CMYK": "colour (CMYK)",
    "YCbCr": "colour",
    "LAB": "colour (Lab)",
    "HSV": "colour",
}


@dataclass(frozen=True, slots=True)
class Header:
    """Size and kind of a picture file.

    Attributes:
        width, height: in pixels, as stored.
        format: one of decode.FORMATS, or MPO.
        kind: "grey", "colour", ...
        bits: a sample.
        frames: images in it.
    """

    width: int
    height: int
    format: str
    kind: str
    bits: int
    frames: int


def header(content: bytes, name: str) -> Header:
    """Read a file's header.

    Raises:
        RefusedFile: when it is none of FORMATS, or damaged.
    """
    try:
        with Image.open(io.BytesIO(content), formats=list(FORMATS)) as image:
            bits = _BITS.get(image.mode, 8)
            if image.format == "PNG" and len(content) > 24:
                bits = content[24]  # of IHDR; Pillow gives colours of 16 bits as 8
            return Header(
                *image.size,
                image.format or "",
                _KINDS.get(image.mode, "grey"),
                bits,
                frame_count(content),
            )
    except DAMAGE as error:
        raise RefusedFile(
            f"{name}: it is damaged, too large or no picture of a kind that is read"
        ) from error
