"""DICOM is not read yet: one sentence says so and what to do, whatever the files are called."""

import pytest
from picture_sources import folder_source

from sslapp.datasets.ingest import ingest
from sslapp.imaging.decode import DICOM

CONTENT = bytes(128) + b"DICM" + bytes(200)
NAMES = ["DICOMDIR", "IM00001", "1.2.840.10008.5", "a.dcm", "b.DICOM"]


def test_every_usual_name_of_a_dicom_file_gets_the_sentence(tree, picture, tmp_path) -> None:
    files = {name: CONTENT + name.encode() for name in NAMES}
    source = folder_source(tree({**files, "c.dcm": b"no preamble", "d.png": picture()}))
    (tmp_path / "in").mkdir()
    found = ingest(source, tmp_path / "in")
    assert [row.name for row in found.rows] == ["d.png"]
    assert {each.name: each.reason.rstrip(".") for each in found.refused} == dict.fromkeys(
        [*NAMES, "c.dcm"], DICOM
    )


def test_a_folder_of_nothing_else_says_it_too(tree, tmp_path) -> None:
    with pytest.raises(ValueError, match=r"no picture file in it .* DICOM file, which is not read"):
        folder_source(tree({"a.dcm": CONTENT}))
    (tmp_path / "in").mkdir()
    (tmp_path / "set" / "a.dcm").unlink()
    with pytest.raises(ValueError, match="IM1: a DICOM file, which is not read yet"):
        ingest(folder_source(tree({"IM1": CONTENT}) / "."), tmp_path / "in")
