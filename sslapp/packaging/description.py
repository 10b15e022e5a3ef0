"""config.json of a model package: all that is needed to use its files, checked when it is read."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sslapp.imaging.intensities import IntensityMapping
from sslapp.packaging.inputs import ImageInput
from sslapp.training.calibration.scaling import Scaling, scaling_from
from sslapp.vocabulary import Aspect, Gear, Intensities

FORMAT = "sslapp model"
VERSION = 1

HOW_TO_PREPARE = (
    "Decode; turn upright by EXIF; more than 8 bits a sample become 8 as `intensities` says: black "
    "and white are the .5 and 99.5 percentile of each image (`image`), the two `limits` (`set`) or "
    "the least and greatest value of each image (`extremes`), linear between and rounded; colours "
    "of an ICC profile become sRGB's; transparency is laid over white; CMYK and palettes become "
    "RGB; one channel is ITU-R 601 luma, three channels of a grey image are equal. An image of "
    "another size than S x S is resampled by the input's `resample` (Pillow's, which averages when "
    "it reduces). Its `aspect` `pad`: to round(width * S / longer side) x round(height * S / "
    "longer side), at least 1, pasted at ((S - width) // 2, (S - height) // 2) on a black square; "
    "`stretch`: to S x S; `crop`: the square in the middle, to S x S. The graph takes uint8, "
    "channels first; scaling to [0, 1] and normalisation are part of it."
)


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class EncoderPart(_Part):
    """An encoder: what `embedding.modules.load` needs, and the number of the input it reads."""

    name: str
    kind: Literal["components", "pretrained"]
    side: int = Field(ge=1, le=4096)
    weights: str | None = Field(pattern=r"^\w[\w.-]*\.safetensors$")
    input: int = Field(ge=0, le=16)


class InputPart(_Part):
    """See inputs.ImageInput."""

    name: str = Field(pattern=r"^\w+$")
    size: int = Field(ge=1, le=4096)
    channels: Literal[1, 3]
    aspect: Aspect
    resample: Literal["bicubic", "bilinear"]

    def taken(self) -> ImageInput:
        """As the graph has it."""
        return ImageInput(self.name, self.size, self.channels, self.aspect, self.resample)


class CalibrationPart(_Part):
    """How logits become probabilities; see training.calibration.scaling."""

    calibrated: bool
    rests_on: str
    temperature: float = Field(gt=0)
    scaling: dict[str, Any] | None

    def map(self) -> Scaling:
        """The map itself."""
        return scaling_from(self.temperature, self.scaling)


class AgreementPart(_Part):
    """What the model said of some of the project's images before it was written.

    Attributes:
        images: how many.
        exact: whether its encoders compute in the number format of the round's features.
        largest_difference: of a probability from the round's; from torch's where it is not exact.
        largest_from_round, mean_from_round: of a probability from the round's.
        same_class: images whose likeliest class is the round's.
    """

    images: int
    exact: bool
    largest_difference: float
    largest_from_round: float
    mean_from_round: float
    same_class: int


class IntensityPart(_Part):
    """How deep images become 8 bits; see imaging.intensities."""

    choice: Intensities
    limits: tuple[float, float] | None

    def map(self) -> IntensityMapping:
        """The mapping itself."""
        return IntensityMapping(self.choice, self.limits)


class ModelDescription(_Part):
    """What stands in config.json.

    Attributes:
        options: of the method.
        network: its name, in the pixels gear.
        joined: whether the vectors of all encoders, each of length 1, are seen side by side.
        normalisation: mean and std of a channel in [0, 1], in the pixels gear.
        classes: in the order of the columns.
        onnx: whether there is a model.onnx.
        why_no_onnx: a sentence where there is none.
        files: sha256 of every other file.
    """

    format: Literal["sslapp model"]
    version: int
    sslapp: str
    project: str
    round: int
    snapshot: str
    seed: int
    method: str
    gear: Gear
    options: dict[str, Any]
    network: str | None
    encoders: tuple[EncoderPart, ...]
    joined: bool
    inputs: tuple[InputPart, ...] = Field(min_length=1)
    preparation: str
    intensities: IntensityPart
    normalisation: dict[str, list[float]] | None
    classes: tuple[str, ...] = Field(min_length=2)
    calibration: CalibrationPart
    onnx: bool
    why_no_onnx: str | None
    agreement: AgreementPart
    files: dict[str, str]
