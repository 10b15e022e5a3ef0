"""The plan of an import on the Projects page: questions, choices, the import that follows."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import small_project
from PIL import Image
from streamlit.testing.v1 import AppTest
from ward import PATIENTS, ward

from sslapp.usecases.access import enter
from sslapp.usecases.images.incoming.looking import open_look, start_look
from sslapp.usecases.images.incoming.origin import Origin
from sslapp.usecases.images.incoming.plan import TextChoice, Thing
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.workspace import Workspace


@pytest.fixture
def access(tmp_path: Path):
    made = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    create_project(made, "Ward")
    yield made
    made.engine.dispose()


def looked_at(access, path: Path, names: list[str]) -> int:
    """The id of a finished look at an archive of pictures with these names."""
    with zipfile.ZipFile(path, "w") as file:
        for seed, name in enumerate(names):
            buffer = io.BytesIO()
            pixels = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(buffer, "PNG")
            file.writestr(name, buffer.getvalue())
    look = start_look(access, 1, Origin(source=str(path)))
    small_project.run_jobs(access)
    return look


def texts(page: AppTest) -> str:
    kinds = ("caption", "warning", "error", "subheader", "markdown")
    return "\n".join(each.value for kind in kinds for each in page.get(kind)).replace("\\,", ",")


def figures(page: AppTest) -> dict[str, str]:
    return {each.label: each.value for each in page.metric}


def test_what_is_open_is_asked_and_the_import_reads_as_it_was_answered(
    access, tmp_path, open_app
) -> None:
    names = [f"{100 + patient}/images/{n}.png" for patient in range(3) for n in range(2)]
    masks = [name.replace("images", "masks") for name in names]
    look = looked_at(access, tmp_path / "ward.zip", names + masks)
    page = open_app(access.workspace.root)
    key = f"plan-{look}"
    assert "Import of ward" in texts(page)
    assert "patients \\(groups\\) or classes" in texts(page)
    assert page.button(key=f"{key}-import").disabled
    assert page.checkbox(key=f"{key}-out-masks").value
    page.selectbox(key=f"{key}-level-0").select("group").run()
    assert not page.exception
    assert "patients \\(groups\\) or classes" not in texts(page)
    found = figures(page)
    assert (found["Images"], found["Groups"], found["Left out"]) == ("6", "3", "6")
    page.checkbox(key=f"{key}-out-masks").uncheck().run()
    assert figures(page)["Images"] == "12"
    page.checkbox(key=f"{key}-out-masks").check().run()
    page.text_input(key=f"{key}-pattern").input("nobody").run()
    assert page.button(key=f"{key}-import").disabled
    assert "fits none of the 6 paths" in texts(page)
    page.text_input(key=f"{key}-pattern").input(r"(\d+)/images").run()
    assert "The pattern fits 6 paths" in texts(page)
    page.button(key=f"{key}-import").click().run()
    assert not page.exception
    assert open_look(access, 1) is None and "Import of ward" not in texts(page)
    small_project.run_jobs(access)
    found = status(access, 1)
    assert (found.counts["images"], found.classes) == (6, [])


def test_a_split_in_doubt_is_answered_folder_by_folder(access, tmp_path, open_app) -> None:
    names = [f"{split}/{kind}/1.png" for split in ("train", "test_set") for kind in ("cat", "dog")]
    look = looked_at(access, tmp_path / "pets.zip", names)
    page = open_app(access.workspace.root)
    assert page.button(key=f"plan-{look}-import").disabled
    assert page.selectbox(key=f"plan-{look}-split-train").value == "pool"
    page.selectbox(key=f"plan-{look}-split-test_set").select("pool").run()
    assert figures(page)["Test"] == "0"
    page.selectbox(key=f"plan-{look}-split-test_set").select("test").run()
    assert (figures(page)["Test"], figures(page)["Classes"]) == ("2", "2")
    assert not page.button(key=f"plan-{look}-import").disabled


def test_a_plan_can_be_put_away(access, tmp_path, open_app) -> None:
    look = looked_at(access, tmp_path / "pets.zip", ["cat/1.png", "dog/2.png"])
    page = open_app(access.workspace.root)
    page.button(key=f"plan-{look}-discard").click().run()
    assert "Import of pets" not in texts(page)
    assert [each["kind"] for each in status(access, 1).jobs] == ["look"]


def test_dicom_files_are_planned_by_patient_and_imported_as_it_was_chosen(
    access, tmp_path, open_app
) -> None:
    look = start_look(access, 1, Origin(source=str(ward(tmp_path / "sent", text=True))))
    small_project.run_jobs(access)
    page = open_app(access.workspace.root)
    key = f"plan-{look}"
    assert "Import of DICOM, 2 patients" in texts(page)
    assert "2 patients, 5 studies, 5 series, 13 files" in texts(page)
    assert "Images that may show text" in texts(page)
    assert page.button(f"{key}-import").disabled
    page.radio(f"{key}-thing").set_value(Thing.SERIES).run()
    page.radio(f"{key}-text").set_value(TextChoice.TAKE).run()
    assert figures(page)["Images"] == "5"
    page.button(f"{key}-import").click().run()
    small_project.run_jobs(access)
    found = status(access)
    assert found.counts["images"] == 5
    # what an image is was decided by the first import
    again = start_look(access, 1, Origin(source=str(tmp_path / "sent")))
    small_project.run_jobs(access)
    page = open_app(access.workspace.root)
    keys = {each.key for each in page.radio}
    assert f"plan-{again}-text" in keys
    assert f"plan-{again}-thing" not in keys
    for secret in PATIENTS:
        assert secret not in texts(page)
