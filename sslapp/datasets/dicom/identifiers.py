"""Images of DICOM files by what lists elsewhere call them: their UIDs, or their patient."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from sslapp.datasets.dicom.instances import INSTANCE, PATIENT, SERIES, short
from sslapp.datasets.tables.matching import places
from sslapp.imaging.dicom.deidentification.pseudonyms import Pseudonyms


class Identifiers:
    """Finds images by SOPInstanceUID, SeriesInstanceUID or PatientID, whose pseudonyms they bear.

    Args:
        names: (N,) names of the images; names[i] belongs to position i.
        secret: see Pseudonyms.
    """

    def __init__(self, names: Sequence[str], secret: bytes) -> None:
        self._pseudonyms = Pseudonyms(secret)
        self._names = names

    @cached_property
    def _places(self) -> tuple[Mapping[str, list[int]], ...]:
        """Places by instance, by series and by patient; most lists need none of them."""
        parts = [
            tuple(name.split("/")) if name.count("/") == 2 else ("",) * 3 for name in self._names
        ]
        return (
            places([own.partition("#")[0] for _, _, own in parts]),
            places([series.rpartition("-")[2] for _, series, _ in parts]),
            places([patient for patient, _, _ in parts]),
        )

    def find(self, cell: str) -> list[int]:
        """Positions of the images that an identifier means; [] for none."""
        text = cell.strip()
        if not text:
            return []
        uid = self._pseudonyms.uid(text)
        instances, series, patients = self._places
        return (
            instances.get(short(uid, INSTANCE))
            or series.get(short(uid, SERIES))
            or patients.get(self._pseudonyms.patient_of(text)[:PATIENT])
            or []
        )
