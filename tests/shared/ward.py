"""A folder as a hospital sends it: two patients, each with a CT series and an X-ray, and more."""

from pathlib import Path

import numpy as np
from dicom_files import data_set, written
from pydicom import uid

PATIENTS = ("MUELLER^ANNA", "NOVAK^JAN")
SLICES = 5
PLACES = (20.0, 0.0, 10.0, 40.0, 30.0)
"""Of the slices in the order of their files, in mm from foot to head."""


def slice_of(patient: int, number: int) -> bytes:
    values = np.random.default_rng(10 * patient + number).integers(0, 2000, (16, 16))
    return written(
        data_set(
            values.astype(np.int16),
            PatientName=PATIENTS[patient],
            PatientID=f"WARD-{patient}",
            PatientAge="063Y",
            PatientSex="F",
            StudyInstanceUID=f"1.2.3.{patient}",
            SeriesInstanceUID=f"1.2.3.{patient}.1",
            SOPInstanceUID=f"1.2.3.{patient}.1.{number}",
            InstanceNumber=number + 1,
            ImagePositionPatient=[0, 0, PLACES[number] if number < SLICES else 10.0 * number],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            RescaleSlope=1,
            RescaleIntercept=-1024,
            WindowCenter=40,
            WindowWidth=400,
        )
    )


def radiograph(patient: int) -> bytes:
    values = np.random.default_rng(100 + patient).integers(0, 4000, (20, 14)).astype(np.uint16)
    return written(
        data_set(
            values,
            SOPClassUID=uid.DigitalXRayImageStorageForPresentation,
            PatientName=PATIENTS[patient],
            PatientID=f"WARD-{patient}",
            StudyInstanceUID=f"1.2.4.{patient}",
            SeriesInstanceUID=f"1.2.4.{patient}.1",
            SOPInstanceUID=f"1.2.4.{patient}.1.1",
            Modality="DX",
            BodyPartExamined="CHEST",
            ViewPosition="PA",
            Manufacturer="Maker",
            ManufacturerModelName="X1",
        )
    )


def ultrasound(frames: int = 3) -> bytes:
    values = np.random.default_rng(7).integers(0, 256, (frames, 12, 12), dtype=np.uint8)
    return written(
        data_set(
            values,
            SOPClassUID=uid.UltrasoundMultiFrameImageStorage,
            PatientID="WARD-0",
            StudyInstanceUID="1.2.5.0",
            SeriesInstanceUID="1.2.5.0.1",
            SOPInstanceUID="1.2.5.0.1.1",
            Modality="US",
        )
    )


def report() -> bytes:
    return written(
        data_set(SOPClassUID=uid.BasicTextSRStorage, SOPInstanceUID="1.2.6", Modality="SR")
    )


def ward(top: Path, *, text: bool = False, slices: int = SLICES) -> Path:
    """The folder, below one that is called by a patient.

    Args:
        text: whether an ultrasound is there, too, which may show a name.
        slices: of each CT series.
    """
    folder = top / PATIENTS[0]
    for patient, name in enumerate(PATIENTS):
        below = folder / f"{name} 1961" / "CT1"
        below.mkdir(parents=True)
        for number in range(slices):
            (below / f"IM{number:04}").write_bytes(slice_of(patient, number))
        (below.parent / f"{name}.dcm").write_bytes(radiograph(patient))
    (folder / f"report {PATIENTS[1]}.dcm").write_bytes(report())
    (folder / f"broken {PATIENTS[1]}.dcm").write_bytes(radiograph(1)[:-40])
    (folder / "viewer.html").write_text("<p>")
    (folder / "logo.png").write_bytes(b"\x89PNG")
    if text:
        (folder / "echo.001").write_bytes(ultrasound())
    return folder
