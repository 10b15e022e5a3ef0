"""Files that hold several images: pages of a TIFF, frames of an animation.

`decode` takes the first. Here they are counted, and taken apart into files of one image each.
"""

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageSequence

from sslapp.imaging.decode import DAMAGE, FORMATS
from sslapp.imaging.refused import RefusedFile

MOST_FRAMES = 10_000
_SEVERAL = ("TIFF", "GIF", "WEBP", "PNG")
_STARTS = (b"II", b"MM", b"GIF8", b"RIFF", b"\x89PNG")
_ORIENTATION, _PHOTOMETRIC = 274, 262
_WHOLE = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I;16B", "I", "F")


def frame_count(content: bytes) -> int:
    """How many images a file holds; 1 for one that cannot be read."""
    if not content.startswith(_STARTS):
        return 1
    if content.startswith(b"\x89PNG") and b"acTL" not in content[: content.find(b"IDAT") + 1]:
        return 1  # as nearly all are, which need not be opened for it
    try:
        with Image.open(io.BytesIO(content), formats=list(_SEVERAL)) as image:
            return int(getattr(image, "n_frames", 1))
    except DAMAGE:
        return 1


def frame_files(content: bytes, name: str) -> Iterator[bytes]:
    """Yield each image of a file as a file of its own: TIFF pages as TIFF, others as PNG.

    Raises:
        RefusedFile: when the file is damaged, has more than MOST_FRAMES, or pages of a kind that
            would lose depth.
    """
    try:
        with Image.open(io.BytesIO(content), formats=list(FORMATS)) as image:
            count = getattr(image, "n_frames", 1)
            if count > MOST_FRAMES:
                raise RefusedFile(
                    f"{name}: {count:,} images are more than the {MOST_FRAMES:,} allowed."
                )
            for frame in ImageSequence.Iterator(image):
                yield _page(frame, name) if image.format == "TIFF" else _moment(frame)
    except RefusedFile:
        raise
    except DAMAGE as error:
        raise RefusedFile(f"{name}: the file is damaged or cut off.") from error


def _page(page: Image.Image, name: str) -> bytes:
    tags = page.tag_v2  # type: ignore[attr-defined]  # of a TIFF
    deep = max(np.atleast_1d(tags.get(258, 1))) > 8
    is_grey = page.mode not in ("RGB", "RGBA", "CMYK", "LA")
    if page.mode not in _WHOLE or (deep and not (is_grey and tags.get(_PHOTOMETRIC) == 1)):
        raise RefusedFile(
            f"{name}: its pages are of a kind that is not taken apart; save each as a file."
        )
    options = {"icc_profile": page.info["icc_profile"]} if page.info.get("icc_profile") else {}
    file = io.BytesIO()
    page.copy().save(
        file,
        "TIFF",
        compression="tiff_deflate" if page.mode != "1" else None,
        tiffinfo={_ORIENTATION: tags.get(_ORIENTATION, 1)},
        **options,
    )
    return file.getvalue()


def _moment(frame: Image.Image) -> bytes:
    """A frame as it is seen, with no more channels than it needs."""
    seen = frame.convert("RGBA")
    values = np.asarray(seen)
    grey = bool((values[..., :1] == values[..., 1:3]).all())
    opaque = bool((values[..., 3] == 255).all())
    mode = ("L" if grey else "RGB") + ("" if opaque else "A")
    file = io.BytesIO()
    seen.convert(mode).save(file, "PNG")
    return file.getvalue()
