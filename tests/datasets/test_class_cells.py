"""What a list says of classes: in a cell, in 0/1 columns, as one finding among several."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslapp.datasets.tables.class_cells import ClassReading
from sslapp.datasets.tables.label_list import ListReading, read_labels
from sslapp.datasets.tables.reading import open_table

NAMES = ["a.png", "b.png", "c.png", "d.png"]


def read(text, classes, image_column=None, only_matched=False, **how):
    reading = ListReading(
        image_column=image_column, classes=ClassReading(**how), only_matched=only_matched
    )
    table = open_table(text.encode(), "l.csv")
    hashes = [f"{each:064x}" for each in range(len(NAMES))]
    return read_labels(table, names=NAMES, hashes=hashes, class_names=classes, reading=reading)


def pairs(found):
    assert found.errors == []
    return [(row.position, row.class_name) for row in found.rows]


def counts(kinds):
    return {kind: lines.count for kind, lines in kinds.items()}


def test_empty_classes_of_a_half_filled_worksheet_are_left_alone():
    found = read("position,class\n3,cat\n1,dog\n2,\n0, \n", ["cat", "dog"])
    assert pairs(found) == [(3, "cat"), (1, "dog")]
    assert counts(found.left_out) == {"class is empty": 2}
    assert found.left_out["class is empty"].first == ["line 4: 2, ", "line 5: 0,  "]


@pytest.mark.parametrize(
    "heading",
    ["class", "Label", "diagnosis", "dx", "Finding Labels", "finding_labels", "TARGET", "category"],
)
def test_the_class_has_many_usual_names(heading):
    assert pairs(read(f"Image Index,{heading}\nb.png,cat\n", ["cat"])) == [(1, "cat")]


@pytest.mark.parametrize(
    "heading",
    ["path", "file_name", "filename", "image", "image_id", "Image Index", "img", "id", "isic_id"],
)
def test_so_has_the_image(heading):
    assert pairs(read(f"{heading},note,dx\nb,x,cat\n", ["cat"])) == [(1, "cat")]


def test_two_columns_for_one_thing_are_asked_about_and_never_guessed():
    text = "path,image,diagnosis,target\na.png,b.png,cat,dog\n"
    (error,) = read(text, ["cat", "dog"]).errors
    assert error.startswith("l.csv line 1: the headings are path, image, diagnosis, target.")
    assert '"path" and "image" may be the image. Say which one is meant (--image-column' in error
    (error,) = read(text, ["cat", "dog"], image_column="path").errors
    assert '"diagnosis" and "target" may be the class' in error
    found = read(text, ["cat", "dog"], image_column="Image", column="target")
    assert pairs(found) == [(1, "dog")]
    assert found.columns == [("image", "image"), ("class", "target")]
    assert found.unread == ["path", "diagnosis"]
    (error,) = read(text, ["cat"], image_column="picture").errors
    assert 'None of them is "picture"' in error


def test_one_hot_columns_that_sum_to_one_are_read_as_one_class():
    text = "image,MEL,NV,BCC,age\na,0.0,1.0,0.0,40\nb,1.0,0.0,0.0,1\n"
    found = read(text, ["NV", "MEL", "BCC"])
    assert pairs(found) == [(0, "NV"), (1, "MEL")]
    assert found.columns[1:] == [
        ("one of several 0/1 columns", each) for each in ("MEL", "NV", "BCC")
    ]
    assert found.unread == ["age"]
    (error,) = read(text, ["NV", "BCC"]).errors
    assert 'line 3: class "MEL" is not one of NV, BCC' in error
    (error,) = read("image,class\na,NV\n", []).errors
    assert 'class "NV": the project has no class yet' in error
    mapped = {"MEL": "melanoma", "NV": "naevus", "BCC": "naevus"}
    assert pairs(read(text, ["melanoma", "naevus"], classes_of=mapped))[1] == (1, "melanoma")


def test_columns_called_like_classes_count_beside_other_bits():
    text = "image,cat,dog,male\na,1,0,1\nb,0,1,1\nc,0,0,0\nd,0,-1,1\n"
    found = read(text, ["cat", "dog"])
    assert pairs(found) == [(0, "cat"), (1, "dog")]
    assert counts(found.left_out) == {"class is empty": 1, "finding is uncertain": 1}
    assert found.unread == ["male"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Image Index,Finding Labels\na.png,Edema|Effusion\nb.png,No Finding\n", 2),
        ('image,labels\na,No Finding\nb,"Edema, Effusion"\n', 3),
        ("image,Edema,Effusion\na,1,1\nb,0,1\n", 2),
    ],
)
def test_several_findings_are_refused_with_the_way_on(text, line):
    (error,) = read(text, ["Edema", "Effusion", "No Finding"]).errors
    assert error.startswith(f"l.csv line {line}: it has 2 findings (Edema, Effusion), and a ")
    assert "project has one finding an image" in error
    assert '--finding "Edema" --yes CLASS --no CLASS' in error


def test_bits_that_are_no_classes_of_the_project_say_the_way_on_too():
    (error,) = read("image,Edema,Effusion\na,1,1\nb,0,1\n", ["ill", "well"]).errors
    assert "2 columns hold 0 and 1 (Edema, Effusion ...)" in error
    assert "--finding" in error


def test_one_finding_of_several_is_yes_or_no():
    text = (
        "Image Index,Finding Labels\na.png,Edema|Effusion\nb.png,No Finding\nc.png,Edema\nd.png,\n"
    )
    found = read(text, ["ill", "well"], finding="effusion", yes="ill", no="well")
    assert pairs(found) == [(0, "ill"), (1, "well"), (2, "well")]
    assert counts(found.left_out) == {"class is empty": 1}
    assert pairs(read(text, ["Other", "Effusion"], finding="Effusion"))[:2] == [
        (0, "Effusion"),
        (1, "Other"),
    ]
    (error,) = read(text, ["ill", "well"], finding="Effusion").errors
    assert "say which class an image with it has and which one without it" in error
    (error,) = read(text, ["ill", "well"], finding="Hernia", yes="ill", no="well").errors
    assert 'no line has the finding "Hernia" in its column "Finding Labels"' in error
    (error,) = read(text, ["ill", "well"], finding="Edema", yes="ill", no="wel").errors
    assert '"wel" is not one of the classes ill, well' in error


def test_a_finding_with_a_column_of_its_own_may_be_uncertain():
    text = "Path,Edema,Pleural Effusion\na,1.0,1.0\nb,,0.0\nc,0.0,-1.0\nd,1,\n"
    found = read(text, ["ill", "well"], finding="Pleural Effusion", yes="ill", no="well")
    assert pairs(found) == [(0, "ill"), (1, "well")]
    assert counts(found.left_out) == {"finding is uncertain": 1, "class is empty": 1}
    text = "image,Edema,x\na,2,0\n"
    (error,) = read(text, ["ill", "well"], finding="Edema", yes="ill", no="well").errors
    assert error == 'l.csv line 2: "2" is neither 0 nor 1. Correct the line.'


def test_class_numbers_need_a_map_or_the_projects_order():
    text = "image,label\na,0\nb,1\n"
    classes = ["pneumonia", "normal"]
    first, _ = read(text, classes).errors
    assert "--classes-of 0=pneumonia,1=normal" in first
    assert "--classes-of order" in first
    assert pairs(read(text, classes, by_order=True)) == [(0, "pneumonia"), (1, "normal")]
    found = read(text, classes, classes_of={"0": "normal", "1": "pneumonia"})
    assert pairs(found) == [(0, "normal"), (1, "pneumonia")]
    assert found.classes == {("0", "normal"): 1, ("1", "pneumonia"): 1}
    (error,) = read(text, classes[:1], by_order=True).errors
    assert 'line 3: class "1" is not one of pneumonia' in error
    (error,) = read(text, classes, classes_of={"0": "healthy"}).errors
    assert '"healthy" is not one of the classes pneumonia, normal' in error
    assert pairs(read(text, ["1", "0"])) == [(0, "0"), (1, "1")]


def test_lines_of_other_images_are_left_out_when_that_is_wanted():
    text = "image,class\nx.png,Gorilla\nb.png,cat\n" + "y.png,cat\n" * 12
    assert counts(read(text, ["cat"]).wrong) == {"image": 13, "class": 1}
    found = read(text, ["cat"], only_matched=True)
    assert pairs(found) == [(1, "cat")]
    left = found.left_out["image is not here"]
    assert left.count == 13
    assert len(left.first) == 10
    assert left.first[0].startswith('line 2: no image is called "x.png"')


def test_a_cell_too_many_shifts_nothing_silently():
    (error,) = read("image,class\na,b.png,cat\n", ["cat"]).errors
    assert error.startswith("l.csv line 2: 3 cells below 2 headings. Put a cell that holds")


@given(
    st.lists(st.sampled_from(["cat", "dog", "cow"]), min_size=1, max_size=4),
    st.sampled_from(["cell", "one-hot", "numbers", "true and false"]),
)
def test_every_way_of_writing_classes_says_the_same(given_, way):
    classes = ["cat", "dog", "cow"]
    match way:
        case "cell" | "numbers":
            head, rows = (
                "label",
                [[each if way == "cell" else str(classes.index(each))] for each in given_],
            )
        case _:
            bits = ("0", "1") if way == "one-hot" else ("False", "True")
            head, rows = (
                ",".join(classes),
                [[bits[each == name] for name in classes] for each in given_],
            )
    lines = (f"{NAMES[at]},{','.join(row)}\n" for at, row in enumerate(rows))
    found = read(f"image,{head}\n{''.join(lines)}", classes, by_order=way == "numbers")
    assert pairs(found) == list(enumerate(given_))
