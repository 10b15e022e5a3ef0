"""docs/dicom-conformance.md says what becomes of pydicom's own files and those of pydicom-data."""

import pytest

from docs import dicom_conformance


@pytest.mark.slow
def test_every_real_file_becomes_what_the_page_says() -> None:
    pytest.importorskip("data_store", reason="pydicom-data of requirements-dev.txt is missing")
    written = dicom_conformance.PAGE.read_text(encoding="utf-8").splitlines()
    made = dicom_conformance.page().splitlines()
    assert [each for each in made if each not in written] == [], "Run `make docs`."
    assert written == made
    assert sum("| picture |" in each for each in written) > 150
