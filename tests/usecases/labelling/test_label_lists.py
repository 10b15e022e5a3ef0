"""Labels from a list: on the images that the list means, or on none."""

import csv

import pytest
import small_project
from PIL import Image

from sslapp.store.database import reading
from sslapp.store.images import image_rows
from sslapp.store.state import load_state
from sslapp.usecases.access import enter
from sslapp.usecases.exporting.exports import export
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.labelling import decisions
from sslapp.usecases.labelling.worksheets import label_from_list
from sslapp.usecases.projects.settings import create_project
from sslapp.vocabulary import JobState
from sslapp.workspace import Workspace

COUNT = 14


@pytest.fixture
def two(tmp_path):
    """Two projects of the same pictures; before those of the second comes one file more."""
    access = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    pictures, _ = small_project.digits(COUNT + 1)
    for project in ("A", "B"):
        create_project(access, project, [str(each) for each in range(COUNT)])
        folder = tmp_path / project
        folder.mkdir()
        for number, picture in enumerate(pictures[:COUNT]):
            Image.fromarray(picture).save(folder / f"{number:02d}.png")
        if project == "B":
            Image.fromarray(pictures[COUNT]).save(folder / "+.png")
        import_images(access, project, str(folder))
    small_project.run_jobs(access)
    for position in range(COUNT):
        decisions.label(access, "A", position, str(position))
    yield access
    access.engine.dispose()


def exported(access, path) -> list[dict[str, str]]:
    row = small_project.finish(access, export(access, "A", path))
    assert row["state"] == JobState.DONE, row["error"]
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def write(path, rows) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def labels_of_b(access) -> dict[str, str]:
    with reading(access.engine) as conn:
        state = load_state(conn, 2)
        rows = image_rows(conn, 2, range(COUNT + 1))
    return {
        each.name: str(state.labels[each.position])
        for each in rows
        if state.labels[each.position] >= 0
    }


@pytest.mark.slow
def test_an_export_labels_the_same_images_of_another_project(two, tmp_path) -> None:
    rows = exported(two, tmp_path / "a.csv")
    assert list(rows[0])[-2:] == ["sha256", "snapshot"]
    assert label_from_list(two, "B", tmp_path / "a.csv") == COUNT
    assert labels_of_b(two) == {f"{each:02d}.png": str(each) for each in range(COUNT)}


@pytest.mark.slow
def test_a_list_whose_positions_are_not_those_of_its_names_is_refused(two, tmp_path) -> None:
    rows = exported(two, tmp_path / "a.csv")
    for row in rows:
        del row["sha256"]
    write(tmp_path / "old.csv", rows)
    before = small_project.log(two, 2)[-1].hash
    with pytest.raises(ValueError, match="No label was saved") as refused:
        label_from_list(two, "B", tmp_path / "old.csv")
    said = str(refused.value).splitlines()
    assert len(said) == 1 + 10 + 1
    assert 'line 2: position 0 is "+.png", but the image called "00.png" is at 1' in said[1]
    assert said[-1] == "... and 4 more."
    assert small_project.log(two, 2)[-1].hash == before

    write(tmp_path / "names.csv", [{n: row[n] for n in ("name", "class")} for row in rows])
    assert label_from_list(two, "B", tmp_path / "names.csv") == COUNT
    assert labels_of_b(two) == {f"{each:02d}.png": str(each) for each in range(COUNT)}


@pytest.mark.slow
def test_names_that_another_image_has_by_now_are_refused(two, tmp_path) -> None:
    rows = exported(two, tmp_path / "a.csv")
    rows[0]["name"], rows[1]["name"] = rows[1]["name"], rows[0]["name"]
    write(tmp_path / "swapped.csv", rows)
    with pytest.raises(ValueError, match=r'"01.png" is image 2, but its sha256 is that of image 1'):
        label_from_list(two, "B", tmp_path / "swapped.csv")
    assert labels_of_b(two) == {}
