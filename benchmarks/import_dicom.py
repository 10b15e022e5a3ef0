"""What an import of DICOM files takes of memory and time, by the command line and its worker.

    python benchmarks/import_dicom.py --counts 30 300 --to /tmp/studies

writes uncompressed radiographs of 2,000 x 2,500 pixels of 16 bits, two a patient, and one file of
1,000 frames of 512 x 512 pixels of 8 bits, below --to (kept for the next run), and imports each
set, the file of frames frame by frame, into a workspace of its own. Memory is added up as in
import_memory.py. The baseline reads the same files with pydicom and makes arrays of them, nothing
else.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pydicom
from import_memory import GIGABYTE, import_files
from pydicom import dcmwrite, uid
from pydicom.dataset import Dataset, FileMetaDataset

ROWS, COLUMNS = 2_500, 2_000
SIDE, FRAMES = 512, 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[30])
    parser.add_argument("--to", type=Path, required=True, help="where the files are kept")
    parser.add_argument(
        "--burned-in",
        default="take",
        help="as of sslapp import; with take no picture is searched for text",
    )
    options = parser.parse_args()
    text = "--burned-in", options.burned_in
    print(f"DICOM, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(
        "| what | MB | seconds | images/s | x pydicom alone "
        "| peak of anonymous memory, GB | of the smallest |"
    )
    print("|---|---|---|---|---|---|---|", flush=True)
    smallest = 0.0
    for count in sorted(options.counts):
        folder = write_radiographs(options.to / str(count), count)
        name = f"{count:,} of {COLUMNS:,} x {ROWS:,} x 16 bit"
        peak = report(name, folder, options.to, count, smallest, *text)
        smallest = smallest or peak
    folder = write_frames(options.to / "frames")
    name = f"1 of {FRAMES:,} frames of {SIDE} x {SIDE} x 8 bit"
    report(name, folder, options.to, FRAMES, smallest, "--thing", "frame", *text)


def report(name: str, folder: Path, root: Path, images: int, smallest: float, *said: str) -> float:
    """Import a folder, print a line and return the peak of memory."""
    alone = read_alone(folder)
    seconds, peak = import_files(folder, root, *said)
    size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    print(
        f"| {name} | {size:,.0f} | {seconds:,.1f} | {images / seconds:,.1f} "
        f"| {seconds / alone:.2f} | {peak / GIGABYTE:.3f} | {peak / (smallest or peak):.2f} |",
        flush=True,
    )
    return peak


def read_alone(folder: Path) -> float:
    """Seconds that pydicom takes to make arrays of the files."""
    begin = time.perf_counter()
    for path in sorted(folder.iterdir()):
        np.asarray(pydicom.dcmread(path).pixel_array)
    return time.perf_counter() - begin


def write_radiographs(folder: Path, count: int) -> Path:
    """A folder of `count` files; what is there is not made again."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        noise = np.random.default_rng(number).integers(0, 4096, (ROWS // 10, COLUMNS // 10))
        values = np.kron(noise, np.ones((10, 10), np.int64)).astype("<u2")
        made = described(values.shape, 16, f"P{number // 2}", f"1.2.3.{number}")
        made.SOPClassUID = uid.DigitalXRayImageStorageForPresentation
        made.Modality = "DX"
        write(folder / f"IM{number:05d}", made, values)
    return folder


def write_frames(folder: Path) -> Path:
    """A folder with the file of frames; it is not made again."""
    folder.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).integers(0, 256, (FRAMES, SIDE, SIDE), np.uint8)
    made = described(values.shape[1:], 8, "P0", "1.2.4.1")
    made.SOPClassUID = uid.XRayAngiographicImageStorage
    made.Modality, made.NumberOfFrames = "XA", FRAMES
    write(folder / "IM00001", made, values)
    return folder


def described(shape: tuple[int, ...], bits: int, patient: str, own: str) -> Dataset:
    """What is said of values of that shape."""
    made = Dataset()
    made.PatientID, made.SOPInstanceUID = patient, own
    made.StudyInstanceUID = made.SeriesInstanceUID = f"1.2.5.{patient[1:]}"
    made.Rows, made.Columns = shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = bits
    made.HighBit, made.PixelRepresentation = bits - 1, 0
    return made


def write(path: Path, made: Dataset, values: np.ndarray) -> None:
    """Write a file unless it is there."""
    if path.exists():
        return
    made.PixelData = values.tobytes()
    made["PixelData"].VR = "OW" if values.itemsize > 1 else "OB"
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    beside = path.with_suffix(".part")
    dcmwrite(beside, made, enforce_file_format=True)
    beside.rename(path)


if __name__ == "__main__":
    main()
