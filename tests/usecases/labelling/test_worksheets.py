import csv

import pytest
import small_project
from PIL import Image

from sslapp.store.database import reading
from sslapp.store.images import image_rows
from sslapp.usecases.labelling.worksheets import label_from_list, write_worksheet


def test_a_filled_in_worksheet_becomes_labels(project, tmp_path):
    folder = tmp_path / "todo"
    write_worksheet(project, None, [3, 7], folder)
    with Image.open(folder / "3.png") as picture:
        assert min(picture.size) >= 200
    rows = list(csv.reader((folder / "labels.csv").open()))
    assert rows[0] == ["position", "class", "name", "sha256"]
    with reading(project.engine) as conn:
        there = image_rows(conn, 1, [3, 7])
    assert rows[1:] == [[str(each.position), "", each.name, each.sha256] for each in there]
    text = (folder / "labels.csv").read_text().replace("3,,", "3,1,").replace("7,,", "7,2,")
    (folder / "labels.csv").write_text(text)
    assert label_from_list(project, None, folder / "labels.csv") == 2
    assert [each.position for each in small_project.log(project)[-2:]] == [3, 7]


def test_an_unfilled_worksheet_saves_nothing_and_says_so(project, tmp_path):
    write_worksheet(project, None, [3], tmp_path / "todo")
    with pytest.raises(ValueError, match=r"labels.csv line 1: no line brings a label"):
        label_from_list(project, None, tmp_path / "todo" / "labels.csv")


def test_a_worksheet_is_never_overwritten(project, tmp_path):
    write_worksheet(project, None, [3], tmp_path / "todo")
    with pytest.raises(FileExistsError):
        write_worksheet(project, None, [3], tmp_path / "todo")
