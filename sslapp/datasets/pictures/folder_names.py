"""What people call folders beside classes: splits, patients, masks, copies."""

import re
from collections.abc import Iterable, Mapping
from statistics import median

from sslapp.datasets.pictures.files import SPLITS
from sslapp.vocabulary import Split

_PLAIN = re.compile(
    r"(?:train |test |val )?(?:images?|imgs?|pictures?|pics?|photos?|scans?|slices?"
    r"|frames?|inputs?)"
    r"|(?:my |the )?(?:data|datasets?|files?|data set)|jpe?gs?|pngs?|tiffs?|tifs?|originals?|orig"
    r"|raw|all|full"
)
_CLASS_NUMBER = re.compile(r"(?:class|category|cat|label|klasse|classe|clase) ?\d+")
_MASK = re.compile(
    r"(?:.* )?(?:masks?|segs?|segmentations?|annots?|annotations?|labels?|ground ?truths?|gt"
    r"|contours?|overlays?)"
)
_UNLABELLED = re.compile(r"unlabell?ed|no ?labels?|unsup|unsupervised|unannotated")

_TESTS = r"(?:test|tests|testing|hold ?out|eval|evaluation)"
_UNUSUAL = re.compile(
    rf"(?:{_TESTS}|train|training|val|valid|validation|dev)"
    r"(?: (?:set|data|dataset|split|images|imgs|img|folder|part|\d+))*"
    rf"|(?:set|data|split|x|my|the|final|internal|external) {_TESTS}(?: (?:set|data|\d+))*"
)
_TESTLIKE = re.compile(rf"(?:.* )?{_TESTS}(?: .*)?")
_PATIENT = re.compile(
    r"(?:patients?|pat|pt|subjects?|subj|sub|cases?|persons?|participants?|probands?|animals?|"
    r"mouse|individuals?|identit(?:y|ies)|scenes?|videos?|vid|sequences?|seq|slides?|p|s|id|pid|"
    r"uid|tcga|lidc|mrn|case id|patient id|subject id)(?: id)? ?[0-9]+(?: .*)?"
)
_WITHIN = re.compile(
    r"(?:stud(?:y|ies)|series|visits?|sessions?|ses|exams?|scans?|acquisitions?|timepoints?|views?)"
    r" ?[0-9]*(?: .*)?"
)
_AUGMENTED = re.compile(r".*augment.*|(?:.* )?aug(?:s|ed)?(?: .*)?")
_HASH = re.compile(r"(?=.*\d)[0-9a-f-]{12,}|[0-9.]{10,}")
MANY = 20
"""From so many folders on with few images each nobody believes in classes."""
FEW = 8


def spoken(name: str) -> str:
    """The name in small letters with one space where words meet: "Test_Set" is "test set"."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.sub(r"[\s_.\-]+", " ", text).strip().lower()


def split_of(name: str, given: Mapping[str, Split]) -> Split | None:
    """The split that a folder's name stands for: as given, or a usual name; else None."""
    lower = {key.lower(): split for key, split in given.items()}
    return lower.get(name.lower(), SPLITS.get(name.lower()))


def is_split_like(name: str) -> bool:
    """Whether the name may be that of a split, usual or not."""
    return name.lower() in SPLITS or _UNUSUAL.fullmatch(spoken(name)) is not None


def is_test_like(name: str) -> bool:
    """Whether the name may be that of images kept to test."""
    return SPLITS.get(name.lower()) is Split.TEST or (
        is_split_like(name) and _TESTLIKE.fullmatch(spoken(name)) is not None
    )


def is_patient(name: str) -> bool:
    """Whether the name is built as those of patients are."""
    return _PATIENT.fullmatch(spoken(name)) is not None


def is_within_patient(name: str) -> bool:
    """Whether the name is that of a study, a series, a visit."""
    return _WITHIN.fullmatch(spoken(name)) is not None


def is_augmented(name: str) -> bool:
    """Whether the name says that changed copies are inside."""
    return _AUGMENTED.fullmatch(spoken(name)) is not None


def is_plain(name: str) -> bool:
    """Whether the name says nothing but that there are pictures."""
    return _PLAIN.fullmatch(spoken(name)) is not None


def is_class_number(name: str) -> bool:
    """Whether the name says that it is a class and which, as class007 and label_3 do."""
    return _CLASS_NUMBER.fullmatch(spoken(name)) is not None


def is_mask(name: str) -> bool:
    """Whether the name is that of drawings over images."""
    return _MASK.fullmatch(spoken(name)) is not None


def is_unlabelled(name: str) -> bool:
    """Whether the name says that nobody knows the classes of the images inside."""
    return _UNLABELLED.fullmatch(spoken(name)) is not None


def numbered(names: Iterable[str]) -> bool:
    """Whether all names are numbers or what a machine made up."""
    return all(name.isdecimal() or _HASH.fullmatch(name.lower()) for name in names)


def counts_up(names: Iterable[str]) -> bool:
    """Whether the names are the numbers from 0 or 1 on without a gap, as of classes."""
    numbers = sorted(int(name) for name in names if name.isdecimal())
    return numbers == list(range(numbers[0], numbers[0] + len(numbers))) and numbers[0] < 2


def are_many_with_few(counts: Mapping[str, int]) -> bool:
    """Whether there are as many folders with as few images as there are of patients."""
    return len(counts) >= MANY and median(counts.values()) <= FEW
