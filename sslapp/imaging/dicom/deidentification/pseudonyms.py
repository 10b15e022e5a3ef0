"""Names in place of names: keyed hashes, the same wherever the same secret meets the same thing.

Without the secret neither can be told from the other: an unsalted hash of a patient's number could
be found by trying all numbers.
"""

import hmac
from datetime import timedelta

from sslapp.imaging.dicom.header import DicomHeader
from sslapp.imaging.dicom.reading.typed import day_of

SHORTEST_SECRET = 16
"""Bytes."""

_DAYS = 3_650


class Pseudonyms:
    """Gives pseudonyms under one secret.

    Args:
        secret: at least SHORTEST_SECRET random bytes, which lie outside the workspace.

    Raises:
        ValueError: when the secret is shorter.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < SHORTEST_SECRET:
            raise ValueError(
                f"The secret has {len(secret)} bytes; take {SHORTEST_SECRET} or more random ones."
            )
        self._secret = secret

    def uid(self, uid: str) -> str:
        """A UID in place of another (PS3.5, section B.2: 2.25 and a number of 128 bits)."""
        return f"2.25.{int.from_bytes(self._hash('uid', uid)[:16], 'big')}"

    def patient(self, header: DicomHeader) -> str:
        """32 hexadecimal digits in place of a patient's number; of the study where none is said."""
        return self._hash("patient", patient_key(header)).hex()[:32]

    def patient_of(self, number: str) -> str:
        """The same in place of a patient's number as a list says it."""
        return self._hash("patient", _numbered(number)).hex()[:32]

    def scanner(self, header: DicomHeader) -> str:
        """8 hexadecimal digits in place of maker and model; "" where neither is said."""
        text = f"{header.manufacturer}\0{header.scanner}"
        return self._hash("scanner", text).hex()[:8] if text != "\0" else ""

    def site(self, header: DicomHeader) -> str:
        """8 hexadecimal digits in place of an institution's name; "" where none is said."""
        return self._hash("site", header.institution).hex()[:8] if header.institution else ""

    def day(self, text: str, header: DicomHeader) -> str:
        """A date as many days earlier as is the patient's own, 1 to 3,650; "" for what is no date.

        Intervals between the patient's dates stay.
        """
        day = day_of(text)
        number = int.from_bytes(self._hash("days", patient_key(header))[:8], "big")
        if day is None:
            return ""
        try:
            return f"{day - timedelta(days=1 + number % _DAYS):%Y%m%d}".zfill(8)
        except OverflowError:  # years before 11
            return ""

    def _hash(self, purpose: str, text: str) -> bytes:
        message = f"{purpose}\0{text}".encode("utf-8", "surrogateescape")
        return hmac.digest(self._secret, message, "sha256")


def patient_key(header: DicomHeader) -> str:
    """What tells patients apart: their number, else the study, else the file's own UID."""
    if header.patient_id:
        return _numbered(header.patient_id)
    return f"study\0{header.study_uid or header.series_uid or header.instance_uid}"


def _numbered(number: str) -> str:
    return f"id\0{number}"
