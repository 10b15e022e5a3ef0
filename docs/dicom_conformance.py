"""Write into dicom-conformance.md what becomes of real DICOM files, as a part of `make docs`.

The files are those of pydicom's own tests and of pydicom-data, which requirements-dev.txt brings:
nothing is fetched. A test compares the table with what the program makes of the files.
"""

from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files as files_of
from pathlib import Path

from sslapp.imaging.dicom.display import display
from sslapp.imaging.dicom.encoding.syntaxes import words
from sslapp.imaging.dicom.opening import HoldsNoPicture, is_dicom, open_dicom
from sslapp.imaging.dicom.pixels.frames import frame_count, frame_values
from sslapp.imaging.refused import RefusedFile

PAGE = Path(__file__).with_name("dicom-conformance.md")

NO_DICOM = {".py", ".pyc", ".json", ".txt", ".md", ".dump", ".icc", ".gz"}
"""Endings of what lies beside the files."""

OUTCOMES = PICTURE, PASSED_OVER, REFUSED = "picture", "passed over", "refused"

HEAD = """# What becomes of real DICOM files

Written by `make docs` of the files that come with pydicom {pydicom} and pydicom-data {data}; a test
compares it with what the program makes of them. *Picture*: the first frame is decoded and shown.
*Passed over*: no picture is in the file, which is named and left out. *Refused*: one sentence with
the tag and the reason. None crashes.

What an import makes of them besides stands in [dicom.md](dicom.md).

| outcome | files |
|---|---|
{counts}
## Beside DCMTK

The 8-bit pictures of all grey files with a window of their own, against `dcmj2pnm +Wi 1 -O` of
DCMTK 3.6.7 (Debian 12), first frame, overlays off, by `benchmarks/dicom_dcmtk.py` on 2026-11-30:
{beside}

## File by file

| file | outcome | what it is, or why not |
|---|---|---|
"""

BESIDE = """\
47 pictures, no grey level more than 1 away from DCMTK's. Two more have pixels that are not square
and are shown in proportion; eleven are of JPEG 2000 or JPEG-LS, which dcmj2pnm does not read."""
"""As measured; the script says it."""


def real_files() -> Iterator[tuple[str, Path]]:
    """Yield name and path of every file, in order.

    Raises:
        ModuleNotFoundError: without pydicom-data.
    """
    for package in ("pydicom", "data_store"):
        root = Path(str(files_of(package))) / "data"
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.suffix not in NO_DICOM:
                yield f"{package}/{path.relative_to(root).as_posix()}", path


def outcome(path: Path) -> tuple[str, str]:
    """What becomes of a file, and what it is or why not."""
    content = path.read_bytes()
    if not is_dicom(content):
        return REFUSED, "not a DICOM file"
    try:
        file = open_dicom(content, "")
        display(file.header, frame_values(file))
    except HoldsNoPicture as reason:
        return PASSED_OVER, str(reason).removeprefix(": ").removesuffix(".")
    except RefusedFile as reason:
        return REFUSED, str(reason).removeprefix(": ").removesuffix(".")
    layout = file.header.format
    many = f", {frame_count(file)} frames" if frame_count(file) > 1 else ""
    about = (
        f"{file.header.modality or 'no modality'}, {layout.columns} x {layout.rows}{many}, "
        f"{layout.photometric} of {layout.stored} bits, {words(file.header.syntax)}"
    )
    return PICTURE, "; ".join([about, *file.header.notes])


def row(name: str, found: tuple[str, str]) -> str:
    """A file's line of the table."""
    return f"| `{name}` | {found[0]} | {found[1]} |"


def page() -> str:
    """The whole page."""
    outcomes = {name: outcome(path) for name, path in real_files()}
    counts = Counter(kind for kind, _ in outcomes.values())
    head = HEAD.format(
        pydicom=version("pydicom"),
        data=version("pydicom-data"),
        counts="".join(f"| {each} | {counts[each]} |\n" for each in OUTCOMES),
        beside=BESIDE,
    )
    return head + "\n".join(row(name, found) for name, found in outcomes.items()) + "\n"


if __name__ == "__main__":
    text = page()
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        PAGE.write_text(text, encoding="utf-8")
        print(f"Wrote docs/{PAGE.name}.")
