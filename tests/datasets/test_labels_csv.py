import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslapp.datasets.tables.cells import escape_cell
from sslapp.datasets.tables.label_list import LabelList, read_labels
from sslapp.datasets.tables.reading import open_table
from sslapp.datasets.tables.table import ListError

NAMES = ["a.png", "b.png", "c, d.png", "=e.png"]
CLASSES = ["Cats", "Dogs"]


def parse(text, names=NAMES, classes=CLASSES, hashes=None):
    content = text if isinstance(text, bytes) else text.encode()
    hashes = [digest(each) for each in range(len(names))] if hashes is None else hashes
    try:
        table = open_table(content, "labels.csv")
    except ListError as error:
        return LabelList(errors=[str(error)])
    return read_labels(table, names=names, hashes=hashes, class_names=classes)


def digest(number: int) -> str:
    return f"{number:064x}"


def pairs(parsed):
    assert parsed.errors == []
    return [(row.line, row.position, row.class_name) for row in parsed.rows]


def test_images_are_found_by_name():
    text = 'image,class\nb.png,Dogs\n"c, d.png",Cats\n\na.png,Cats\n'
    assert pairs(parse(text)) == [(2, 1, "Dogs"), (3, 2, "Cats"), (5, 0, "Cats")]


def test_images_are_found_by_position():
    assert pairs(parse("position,label\n3,Dogs\n 0 ,Cats\n")) == [(2, 3, "Dogs"), (3, 0, "Cats")]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_what_spreadsheets_save_is_understood(separator, end, mark):
    lines = [("Class", "note", "Image"), ("Dogs", "x", "a.png")]
    text = mark + end.join(separator.join(line) for line in lines)
    assert pairs(parse(text)) == [(2, 0, "Dogs")]


def test_our_own_export_is_read_back():
    text = f"position,name,class\n0,{escape_cell('=e.png')},Cats\n"
    (error,) = parse(text).errors
    assert 'position 0 is "a.png", but the image called "' in error
    assert pairs(parse(text.replace("\n0,", "\n3,"))) == [(2, 3, "Cats")]
    assert pairs(parse(f"name,class\n{escape_cell('=e.png')},Cats\n")) == [(2, 3, "Cats")]


def test_every_error_is_listed_with_its_line_and_nothing_is_accepted():
    parsed = parse("image,class\na.png,Ctas\nb.png,Dogs\nbb.png,dogs\nb.png,Cats\nc\n")
    assert parsed.rows == []
    assert parsed.errors == [
        'labels.csv line 2: class "Ctas" is not one of Cats, Dogs. '
        "Add it on the Projects page or correct the line.",
        'labels.csv line 4: no image is called "bb.png" (did you mean "b.png"?). '
        "Correct or remove the line.",
        'labels.csv line 4: class "dogs" is not one of Cats, Dogs. '
        "Add it on the Projects page or correct the line.",
        "labels.csv line 6: only 1 cell(s). Correct the line.",
        "labels.csv line 5: its image is on line 3 too. Remove one of them.",
    ]


@pytest.mark.parametrize("cell", ["-1", "4", "1.0", "x", "", "٣", "9" * 30])
def test_a_position_outside_is_an_error(cell):
    parsed = parse(f"position,class,x\n{cell},Cats,x\n")
    assert parsed.rows == []
    assert "is not a position 0..3" in parsed.errors[0]


def test_a_name_that_two_images_have_is_told_apart_by_position_or_content():
    names = ["a", "b", "a"]
    parsed = parse("image,class\na,Cats\n", names=names)
    assert parsed.errors == [
        'labels.csv line 2: 2 images are called "a". Add a column position or sha256.'
    ]
    assert pairs(parse("image,position,class\na,2,Cats\n", names)) == [(2, 2, "Cats")]
    text = f"image,sha256,class\na,{digest(2)},Cats\n"
    assert pairs(parse(text, names)) == [(2, 2, "Cats")]
    (error,) = parse("image,position,class\na,1,Cats\n", names).errors
    assert 'position 1 is "b", but the image called "a" is at 0' in error


def test_images_of_one_content_are_told_apart_by_name_or_position():
    hashes = [digest(7), digest(7), digest(8), digest(9)]

    def read(text):
        return parse(text, hashes=hashes)

    assert pairs(read(f"sha256,class\n{digest(8)},Cats\n")) == [(2, 2, "Cats")]
    (error,) = read(f"sha256,class\n{digest(7)},Cats\n").errors
    assert "2 images have this sha256. Add a column position" in error
    assert pairs(read(f"sha256,image,class\n{digest(7)},b.png,Cats\n")) == [(2, 1, "Cats")]
    assert pairs(read(f"sha256,position,class\n{digest(7)},1,Cats\n")) == [(2, 1, "Cats")]
    (error,) = read(f"sha256,position,class\n{digest(7)},3,Cats\n").errors
    assert 'position 3 is "=e.png", but the image of this sha256 is at 0' in error
    (error,) = read(f"sha256,class\n{digest(1)},Cats\n").errors
    assert f'no image has the sha256 "{digest(1)}"' in error


def test_a_name_and_a_content_that_contradict_each_other_are_refused():
    (error,) = parse(f"image,sha256,class\nb.png,{digest(0)},Cats\n").errors
    assert '"b.png" is image 1, but its sha256 is that of image 0 ("a.png")' in error


def test_name_and_content_say_which_image_is_meant_whatever_position_it_had_elsewhere():
    text = f"position,image,class,sha256\n900,b.png,Cats,{digest(1)}\n"
    assert pairs(parse(text)) == [(2, 1, "Cats")]


def test_a_line_without_name_and_content_goes_by_its_position():
    assert pairs(parse("position,image,sha256,class\n1,,,Cats\n")) == [(2, 1, "Cats")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the headings are missing"),
        ("a.png,Cats\n", "line 1: the headings are a.png, Cats. The first line must be"),
        ("image,class,label\n", "line 1: the headings are"),
        ("image,class\n", "there is no label below the headings"),
        ('image,class\na.png,"Cats\n', "line 2: not valid CSV"),
        (b"image,class\na.png,Cats\n\x81,Dogs\n", "line 3: not UTF-8 text"),
        (b"image,class\na.png,Cats\n\xff\xfe,Dogs\n", 'no image is called "\xff\xfe"'),
        ("image,class\n" + "a" * 200_000 + ",Cats\n", "line 2: not valid CSV"),
    ],
)
def test_a_file_of_another_kind_is_one_error(text, message):
    parsed = parse(text)
    assert parsed.rows == []
    assert len(parsed.errors) == 1
    assert message in parsed.errors[0]


def test_lines_are_counted_across_cells_that_span_lines():
    parsed = parse('note,image,class\n"two\nlines",a.png,Cats\nx,b.png,Dgos\n')
    assert parsed.errors[0].startswith("labels.csv line 4: class")


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: b"image,class\n" + t.encode()))
def test_any_content_gives_rows_or_errors_and_never_both(content):
    parsed = parse(content)
    assert bool(parsed.rows) != bool(parsed.errors)


@pytest.mark.slow
@given(
    st.lists(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=8),
        min_size=1,
        max_size=6,
        unique=True,
    ),
    st.data(),
)
def test_what_a_csv_writer_wrote_is_read_back(names, data):
    wanted = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["image", "class"])
    writer.writerows([[name, "Dogs"] for name in wanted])
    parsed = parse(file.getvalue(), names=names)
    assert [row.position for row in parsed.rows] == [names.index(name) for name in wanted]
