"""Images of DICOM files by what lists elsewhere call them: their UIDs, or their patient."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from sslapp.datasets.dicom.instances import INSTANCE, PATIENT, SERIES, STUDY, short
from sslapp.datasets.tables.matching import places
from sslapp.imaging.dicom.deidentification.pseudonyms import Pseudonyms


class Identifiers:
    """Finds images by UIDs or PatientID, whose pseudonyms they bear.

    Args:
        names: (N,) names of the images; names[i] belongs to position i.
        secret: see Pseudonyms.
    """

    def __init__(self, names: Sequence[str], secret: bytes) -> None:
        self._pseudonyms = Pseudonyms(secret)
        self._names = names

    @cached_property
    def _places(self) -> tuple[Mapping[str, list[int]], ...]:
        """Places by instance, series, study and patient; most lists need none of them."""
        # an image of a series or study has no third part, one of a patient the first alone
        parts = [(*name.split("/", 2), "", "")[:3] for name in self._names]
        return (
            places([own.partition("#")[0] for _, _, own in parts]),
            places(["" if _is_study(each) else each.rpartition("-")[2] for _, each, _ in parts]),
            places([each.rpartition("-")[2] if _is_study(each) else "" for _, each, _ in parts]),
            places([patient for patient, _, _ in parts]),
        )

    def find(self, cell: str) -> list[int]:
        """Positions of the images that an identifier means; [] for none."""
        text = cell.strip()
        if not text:
            return []
        uid = self._pseudonyms.uid(text)
        instances, series, studies, patients = self._places
        return (
            instances.get(short(uid, INSTANCE))
            or series.get(short(uid, SERIES))
            or studies.get(short(uid, INSTANCE))
            or patients.get(self._pseudonyms.patient_of(text)[:PATIENT])
            or []
        )


def _is_study(part: str) -> bool:
    return part.startswith(STUDY)
