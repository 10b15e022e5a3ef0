"""The script of a package prepares pictures exactly as the program does."""

import io

import numpy as np
import pytest
from PIL import Image

from sslapp.datasets.tables.cells import escape_cell
from sslapp.imaging.decode import decode
from sslapp.imaging.fit import fit
from sslapp.imaging.intensities import IntensityMapping
from sslapp.packaging.description import IntensityPart
from sslapp.vocabulary import Aspect, Intensities

pytest.importorskip("onnxruntime")

from sslapp.packaging.predict_alone import disarmed, fitted

RNG = np.random.default_rng(0)


def noise(mode: str, size: tuple[int, int]) -> Image.Image:
    width, height = size
    if mode in ("I;16", "F"):
        kind = np.uint16 if mode == "I;16" else np.float32
        return Image.fromarray(RNG.integers(300, 40_000, (height, width)).astype(kind))
    if mode == "1":
        return Image.fromarray(RNG.integers(0, 2, (height, width)).astype(bool))
    if mode == "P":
        return noise("RGB", size).quantize(32)
    bands = len(Image.new(mode, (1, 1)).getbands())
    shape = (height, width) if bands == 1 else (height, width, bands)
    return Image.fromarray(RNG.integers(0, 256, shape).astype(np.uint8), mode)


AS_IT_IS = {"choice": "image", "limits": None}
MAPPINGS = [
    IntensityMapping(Intensities.IMAGE),
    IntensityMapping(Intensities.SET, (1_000.0, 30_000.5)),
    IntensityMapping(Intensities.SET),
    IntensityMapping(Intensities.EXTREMES),
]


def given(size: int, channels: int, aspect: str = "pad", resample: str = "bicubic") -> dict:
    return {"size": size, "channels": channels, "aspect": aspect, "resample": resample}


CASES = [
    *[(mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")],
    ("CMYK", "JPEG"),
    ("F", "TIFF"),
]


@pytest.mark.parametrize(("mode", "format_"), CASES, ids=[mode for mode, _ in CASES])
@pytest.mark.parametrize("channels", [1, 3])
def test_it_prepares_as_the_program_does(mode, format_, channels) -> None:
    for size, side in (((31, 17), 24), ((24, 24), 24), ((5, 40), 32)):
        file = io.BytesIO()
        noise(mode, size).save(file, format_)
        content = file.getvalue()
        wanted = fit(decode(content, "x"), side, channels).transpose(2, 0, 1)
        with Image.open(io.BytesIO(content)) as picture:
            said = fitted(picture, given(side, channels), AS_IT_IS)
            np.testing.assert_array_equal(said, wanted)


@pytest.mark.parametrize("mapping", MAPPINGS, ids=str)
@pytest.mark.parametrize(("mode", "format_"), [("I;16", "PNG"), ("F", "TIFF")])
def test_deep_images_are_mapped_as_the_project_does(mapping, mode, format_) -> None:
    file = io.BytesIO()
    noise(mode, (40, 30)).save(file, format_)
    wanted = fit(decode(file.getvalue(), "x", mapping), 24, 1).transpose(2, 0, 1)
    part = IntensityPart(choice=mapping.choice, limits=mapping.limits)
    with Image.open(io.BytesIO(file.getvalue())) as picture:
        said = fitted(picture, given(24, 1), part.model_dump(mode="json"))
    np.testing.assert_array_equal(said, wanted)


@pytest.mark.parametrize("aspect", list(Aspect))
@pytest.mark.parametrize("resample", ["bicubic", "bilinear"])
def test_pictures_become_square_as_encoders_want_them(aspect, resample) -> None:
    for size in ((31, 17), (12, 40), (24, 24)):
        file = io.BytesIO()
        noise("RGB", size).save(file, "PNG")
        wanted = fit(decode(file.getvalue(), "x"), 24, 3, aspect, resample).transpose(2, 0, 1)
        with Image.open(io.BytesIO(file.getvalue())) as picture:
            said = fitted(picture, given(24, 3, aspect.value, resample), AS_IT_IS)
        np.testing.assert_array_equal(said, wanted)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(orientation) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    noise("RGB", (20, 11)).save(file, "PNG", exif=exif)
    wanted = fit(decode(file.getvalue(), "x"), 16, 3).transpose(2, 0, 1)
    with Image.open(io.BytesIO(file.getvalue())) as picture:
        np.testing.assert_array_equal(fitted(picture, given(16, 3), AS_IT_IS), wanted)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1", "cat", "1-1", ""])
def test_formulas_are_disarmed_as_in_exports(text) -> None:
    assert disarmed(text) == escape_cell(text)
