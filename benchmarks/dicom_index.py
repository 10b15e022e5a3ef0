"""What the index of DICOM files takes of memory and time: what is known of each file of a source.

    python benchmarks/dicom_index.py --counts 2000 20000 --to /tmp/slices

writes CT slices of 16 x 16 pixels, a hundred a series, two series a patient, below --to (kept for
the next run), and lists and indexes each folder in this process, the smallest first. The baseline
reads the same headers with pydicom and keeps none.
"""

import argparse
import os
import re
import time
from pathlib import Path

import numpy as np
import pydicom
from pydicom import dcmwrite, uid
from pydicom.dataset import Dataset, FileMetaDataset

from sslapp.datasets.dicom.index import index
from sslapp.datasets.pictures.described import opened, pictures_listing

SIDE, SLICES, SERIES = 16, 100, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[2_000])
    parser.add_argument("--to", type=Path, required=True, help="where the files are kept")
    options = parser.parse_args()
    print(f"DICOM index, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("| files | seconds | x pydicom alone | listing, MB | index, MB | KB a file |")
    print("|---|---|---|---|---|---|", flush=True)
    for count in sorted(options.counts):
        report(write_slices(options.to / str(count), count), count)


def report(folder: Path, count: int) -> None:
    """Index a folder and print a line."""
    alone = read_alone(folder)
    before, begin = anonymous_memory(), time.perf_counter()
    listing = pictures_listing(folder)
    listed = anonymous_memory()
    found = index(listing, opened(listing), bytes(32))
    seconds, after = time.perf_counter() - begin, anonymous_memory()
    assert len(found.instances) == count
    print(
        f"| {count:,} | {seconds:,.1f} | {seconds / alone:.2f} | {(listed - before) / 1e6:.1f} "
        f"| {(after - listed) / 1e6:.1f} | {(after - before) / count / 1e3:.2f} |",
        flush=True,
    )


def anonymous_memory() -> int:
    """Bytes that this process holds and no file backs."""
    told = Path("/proc/self/smaps_rollup").read_text()
    found = re.search(r"^Anonymous:\s+(\d+) kB", told, re.MULTILINE)
    assert found is not None
    return 1024 * int(found[1])


def read_alone(folder: Path) -> float:
    """Seconds that pydicom takes to read the headers of the files."""
    begin = time.perf_counter()
    for path in folder.rglob("IM*"):
        pydicom.dcmread(path, stop_before_pixels=True).get("PatientID")
    return time.perf_counter() - begin


def write_slices(folder: Path, count: int) -> Path:
    """Write `count` files, unless they are there."""
    if folder.exists():
        return folder
    slice_ = an_empty_slice()
    for number in range(count):
        series, at = divmod(number, SLICES)
        patient = series // SERIES
        slice_.PatientID = f"P{patient}"
        slice_.StudyInstanceUID = f"1.2.{patient + 1}"
        slice_.SeriesInstanceUID = f"1.2.{patient + 1}.{series + 1}"
        slice_.SOPInstanceUID = f"1.2.{patient + 1}.{series + 1}.{at + 1}"
        slice_.file_meta.MediaStorageSOPInstanceUID = slice_.SOPInstanceUID
        slice_.InstanceNumber = at + 1
        slice_.ImagePositionPatient = [0, 0, at]
        path = folder / f"P{patient}" / f"IM{number:06d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        dcmwrite(path, slice_, enforce_file_format=True)
    return folder


def an_empty_slice() -> Dataset:
    """A CT slice of zeros that every file is made of."""
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    found.file_meta.MediaStorageSOPClassUID = uid.CTImageStorage
    found.SOPClassUID, found.Modality = uid.CTImageStorage, "CT"
    found.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    found.Rows = found.Columns = SIDE
    found.SamplesPerPixel, found.PhotometricInterpretation = 1, "MONOCHROME2"
    found.BitsAllocated = found.BitsStored = 16
    found.HighBit, found.PixelRepresentation = 15, 0
    found.PixelData = np.zeros((SIDE, SIDE), np.uint16).tobytes()
    return found


if __name__ == "__main__":
    main()
