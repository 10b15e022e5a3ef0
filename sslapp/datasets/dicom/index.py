"""What lies in a source of DICOM files, by their headers alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sslapp.datasets.dicom.asking import AGAIN, candidates, refused_by_type
from sslapp.datasets.dicom.instances import Instance, instance_of
from sslapp.datasets.dicom.studies import is_study, open_study
from sslapp.datasets.dicom.things import Series, series_of
from sslapp.datasets.pictures.listing import Listing, Opened, ScanStopped
from sslapp.datasets.pictures.watch import UNWATCHED, Watch
from sslapp.datasets.source import Refusal
from sslapp.imaging.dicom.deidentification.pseudonyms import Pseudonyms
from sslapp.imaging.dicom.opening import refusing
from sslapp.imaging.refused import RefusedFile

NO_DICOM = "no DICOM or NIfTI file, and among such only they are taken"


@dataclass(frozen=True, eq=False)
class DicomIndex:
    """What lies in a source of DICOM files.

    Attributes:
        instances: in the order of the files.
        series: of them.
        refused: what is left out; files by their numbers.
        names: number of a file, from 1, -> how the source reads it; never to be kept.
    """

    instances: Sequence[Instance]
    series: Sequence[Series]
    refused: list[Refusal]
    names: Mapping[int, str]

    @property
    def title(self) -> str:
        """How an import is called, for folders are called by patients."""
        patients = len({each.patient for each in self.instances})
        return f"DICOM, {patients:,} {'patient' if patients == 1 else 'patients'}"

    def named_refusals(self) -> list[Refusal]:
        """What is left out, files by the names that the source has for them."""
        names = {called(number): name for number, name in self.names.items()}
        return [replace(each, name=names.get(each.name, each.name)) for each in self.refused]


def holds_dicom(listing: Listing, opened: Opened) -> bool:
    """Whether one of the files is DICOM; what is called a picture is taken for one."""
    with opened.whole() as read:
        for name in candidates(listing):
            try:
                if is_study(read(listing.where.get(name, name))):
                    return True
            except (OSError, ValueError):
                continue  # of the files that cannot be read the import says so
    return False


def index(
    listing: Listing,
    opened: Opened,
    secret: bytes,
    watch: Watch = UNWATCHED,
) -> DicomIndex:
    """Read the headers of all files.

    Args:
        secret: see Pseudonyms.
        watch: told how far it is.

    Raises:
        ScanStopped: when the watch says so.
    """
    pseudonyms = Pseudonyms(secret)
    instances: dict[str, Instance] = {}
    refused: list[Refusal] = []
    names = {}
    with opened.whole() as read:
        tried = [*listing.names, *refused_by_type(listing)]
        for number, name in enumerate(tried, 1):
            if watch.should_stop():
                raise ScanStopped
            watch.progress(number - 1, len(tried))
            names[number] = listing.where.get(name, name)
            try:
                content = read(names[number])
            except (OSError, ValueError):
                refused.append(_left_out(number, "it cannot be read"))
                continue
            try:
                found = _instance(content, pseudonyms, number)
            except RefusedFile as error:
                refused.append(_left_out(number, reason(error)))
                continue
            if found is None:
                refused.append(_left_out(number, NO_DICOM))
            elif instances.setdefault(found.own, found) is not found:
                refused.append(_left_out(number, f"{AGAIN} (file {instances[found.own].number})"))
    ordered = list(instances.values())
    others = sum(each.count for each in listing.refused) - len(refused_by_type(listing))
    if others:
        refused.append(Refusal("other files", NO_DICOM, others))
    return DicomIndex(ordered, series_of(ordered), refused, names)


def _instance(content: bytes, pseudonyms: Pseudonyms, number: int) -> Instance | None:
    if not is_study(content):
        return None
    file = open_study(content, called(number))
    with refusing(file.name):
        return instance_of(file, pseudonyms, number, len(content))


def reason(error: RefusedFile) -> str:
    """What is wrong with a file, without what it is called."""
    return str(error).partition(": ")[2]


def _left_out(number: int, why: str) -> Refusal:
    return Refusal(called(number), why)


def called(number: int) -> str:
    """What a file is called that is left out."""
    return f"file {number:,}"
