"""The two-dimensional sets of MedMNIST by name: one .npz file a set and size.

Yang et al., "MedMNIST v2", Scientific Data 10, 2023. Names of classes, counts, licences, addresses
and md5 sums are those of the authors' package medmnist 3.0.2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sslapp.datasets.arrays.parts import ArraySource, npz_source
from sslapp.datasets.known.card import Announced, KnownSet, Outline
from sslapp.datasets.known.outlines import npz_outline

ADDRESS = "https://zenodo.org/records/10519652/files"
"""Where the authors keep the files."""

SIZES = (28, 64, 128, 224)
MANY_FINDINGS = "chestmnist"
"""The one set of them that has several labels an image."""

_ORGANS = (
    "bladder",
    "femur-left",
    "femur-right",
    "heart",
    "kidney-left",
    "kidney-right",
    "liver",
    "lung-left",
    "lung-right",
    "pancreas",
    "spleen",
)


@dataclass(frozen=True)
class MedicalSet:
    """One of the sets.

    Attributes:
        name: of its file with 28 pixels.
        title: as its authors write it.
        about: how many images of what.
        pool, test: how many images.
        class_names: in the order of the labels.
        megabytes: of the file with 28 pixels.
        md5: of the files, in the order of SIZES.
        licence: as the authors state it.
    """

    name: str
    title: str
    about: str
    pool: int
    test: int
    class_names: tuple[str, ...]
    megabytes: int
    md5: tuple[str, str, str, str]
    licence: str = "CC BY 4.0"


_SETS = (
    MedicalSet(
        "pathmnist",
        "PathMNIST",
        "107,180 patches of stained colorectal tissue, colour",
        100_000,
        7_180,
        (
            "adipose",
            "background",
            "debris",
            "lymphocytes",
            "mucus",
            "smooth muscle",
            "normal colon mucosa",
            "cancer-associated stroma",
            "colorectal adenocarcinoma epithelium",
        ),
        206,
        (
            "a8b06965200029087d5bd730944a56c1",
            "55aa9c1e0525abe5a6b9d8343a507616",
            "ac42d08fb904d92c244187169d1fd1d9",
            "2c51a510bcdc9cf8ddb2af93af1eadec",
        ),
    ),
    MedicalSet(
        "dermamnist",
        "DermaMNIST",
        "10,015 dermatoscopic images of skin lesions, colour",
        8_010,
        2_005,
        (
            "actinic keratoses and intraepithelial carcinoma",
            "basal cell carcinoma",
            "benign keratosis-like lesions",
            "dermatofibroma",
            "melanoma",
            "melanocytic nevi",
            "vascular lesions",
        ),
        20,
        (
            "0744692d530f8e62ec473284d019b0c7",
            "b70a2f5635c6199aeaa28c31d7202e1f",
            "2defd784463fa5243564e855ed717de1",
            "8974907d8e169bef5f5b96bc506ae45d",
        ),
        "CC BY-NC 4.0",
    ),
    MedicalSet(
        "octmnist",
        "OCTMNIST",
        "109,309 optical coherence tomographies of the retina, grey",
        108_309,
        1_000,
        (
            "choroidal neovascularization",
            "diabetic macular edema",
            "drusen",
            "normal",
        ),
        55,
        (
            "c68d92d5b585d8d81f7112f81e2d0842",
            "e229e9440236b774d9f0dfef9d07bdaf",
            "0a97e76651ace45c5d943ee3f65b63ae",
            "abc493b6d529d5de7569faaef2773ba3",
        ),
    ),
    MedicalSet(
        "pneumoniamnist",
        "PneumoniaMNIST",
        "5,856 chest X-rays of children, grey",
        5_232,
        624,
        (
            "normal",
            "pneumonia",
        ),
        4,
        (
            "28209eda62fecd6e6a2d98b1501bb15f",
            "8f4eceb4ccffa70c672198ea285246c6",
            "05b46931834c231683c68f40c47b2971",
            "d6a3c71de1b945ea11211b03746c1fe1",
        ),
    ),
    MedicalSet(
        "retinamnist",
        "RetinaMNIST",
        "1,600 fundus photographs, five grades of diabetic retinopathy, colour",
        1_200,
        400,
        (
            "0",
            "1",
            "2",
            "3",
            "4",
        ),
        3,
        (
            "bd4c0672f1bba3e3a89f0e4e876791e4",
            "afda852cc34dcda56f86ad2b2457dbcc",
            "e48e916a24454daf90583d4e6efb1a18",
            "eae7e3b6f3fcbda4ae613ebdcbe35348",
        ),
    ),
    MedicalSet(
        "breastmnist",
        "BreastMNIST",
        "780 ultrasound images of the breast, grey",
        624,
        156,
        (
            "malignant",
            "normal, benign",
        ),
        1,
        (
            "750601b1f35ba3300ea97c75c52ff8f6",
            "742edef2a1fd1524b2efff4bd7ba9364",
            "363e4b3f8d712e9b5de15470a2aaadf1",
            "b56378a6eefa9fed602bb16d192d4c8b",
        ),
    ),
    MedicalSet(
        "bloodmnist",
        "BloodMNIST",
        "17,092 single blood cells under the microscope, colour",
        13_671,
        3_421,
        (
            "basophil",
            "eosinophil",
            "erythroblast",
            "immature granulocytes(myelocytes, metamyelocytes and promyelocytes)",
            "lymphocyte",
            "monocyte",
            "neutrophil",
            "platelet",
        ),
        35,
        (
            "7053d0359d879ad8a5505303e11de1dc",
            "2b94928a2ae4916078ca51e05b6b800b",
            "adace1e0ed228fccda1f39692059dd4c",
            "b718ff6835fcbdb22ba9eacccd7b2601",
        ),
    ),
    MedicalSet(
        "tissuemnist",
        "TissueMNIST",
        "236,386 single cells of the kidney cortex, grey",
        189_106,
        47_280,
        (
            "Collecting Duct, Connecting Tubule",
            "Distal Convoluted Tubule",
            "Glomerular endothelial cells",
            "Interstitial endothelial cells",
            "Leukocytes",
            "Podocytes",
            "Proximal Tubule Segments",
            "Thick Ascending Limb",
        ),
        125,
        (
            "ebe78ee8b05294063de985d821c1c34b",
            "123ece2eba09d0aa5d698fda57103344",
            "61b955355d7425a89687b06cca3ce0c2",
            "b077128c4a949f0a4eb01517f9037b9c",
        ),
    ),
    MedicalSet(
        "organamnist",
        "OrganAMNIST",
        "58,830 axial slices of abdominal CT, grey",
        41_052,
        17_778,
        _ORGANS,
        38,
        (
            "68e3f8846a6bd62f0c9bf841c0d9eacc",
            "2dcccc29b88e6da5a01161ef20cda288",
            "eeae80d0a227a8d099027e1b3cfd3b60",
            "50747347e05c87dd3aaf92c49f9f3170",
        ),
    ),
    MedicalSet(
        "organcmnist",
        "OrganCMNIST",
        "23,583 coronal slices of abdominal CT, grey",
        15_367,
        8_216,
        _ORGANS,
        15,
        (
            "b9ceb9546e10131b32923c5bbeaea2b1",
            "3ce34a8724ea6f548e6db4744d03b6a9",
            "773c1f009daa3fe5d9a2a201b2a7ed94",
            "050f5e875dc056f6768abf94ec9995d1",
        ),
    ),
    MedicalSet(
        "organsmnist",
        "OrganSMNIST",
        "25,211 sagittal slices of abdominal CT, grey",
        16_384,
        8_827,
        _ORGANS,
        16,
        (
            "9ab87b696fb54e2a387ebe992d6ed5f1",
            "53a6d115339d874c25e309a994ff46d3",
            "ded0c5fa01a95dc4978b956f613e9b8e",
            "b354719e553fbbb2513d5533f52a4cb1",
        ),
    ),
)


def medical_source(medical: MedicalSet, known: KnownSet, root: Path) -> ArraySource:
    """Open the file of a set in a data folder, as a stream.

    Raises:
        BadArrays: (a ValueError) naming the file, the key and the mend.
    """
    return npz_source(root / known.layout, known.name, medical.class_names)


def medical_sketch(medical: MedicalSet, known: KnownSet, root: Path) -> Outline:
    """What the file of a set holds, by its headers and labels; errors as `medical_source`."""
    return npz_outline(root / known.layout, known.name, medical.class_names)


def _download(file: str, md5: str, folder: Path) -> None:
    # torchvision's own way to fetch a file and to hold it against its md5
    from torchvision.datasets.utils import download_url

    download_url(f"{ADDRESS}/{file}?download=1", str(folder), file, md5)


def _cards() -> Iterator[KnownSet]:
    for medical in _SETS:
        for size, md5 in zip(SIZES, medical.md5, strict=True):
            name = medical.name if size == 28 else f"{medical.name}_{size}"
            file = f"{name}.npz"
            yield KnownSet(
                name=name,
                title=f"{medical.title} {size}",
                about=f"{medical.about}, {size} x {size} pixels, "
                f"{len(medical.class_names)} classes.",
                licence=medical.licence,
                layout=file,
                megabytes=medical.megabytes if size == 28 else None,
                by_hand=f"the file {file} from {ADDRESS}/{file} (md5 {md5})",
                announced=Announced(
                    pool=medical.pool,
                    test=medical.test,
                    classes=len(medical.class_names),
                    pixels=(size, size),
                    colour=medical.about.endswith("colour"),
                ),
                read=partial(medical_source, medical),
                sketch=partial(medical_sketch, medical),
                download=partial(_download, file, md5),
            )


MEDICAL = tuple(_cards())
"""Every set in every size."""


def check_one_label(name: str) -> None:
    """Refuse the set that has several labels an image.

    Raises:
        ValueError: with what can be done instead.
    """
    if name.partition("_")[0] == MANY_FINDINGS:
        raise ValueError(
            f"{name} says for each image which of 14 findings it has, several at once, and a "
            "project asks for one class an image. Make an .npz file of its images with the 0 or 1 "
            "of one finding as labels, and import that."
        )
