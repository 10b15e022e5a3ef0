"""What folders mean: classes, groups, splits or nothing, and what nobody can know but a person."""

import random
import tracemalloc
from pathlib import Path

import pytest

from sslapp.datasets.look import look, suggest
from sslapp.datasets.pictures.files import natural_order
from sslapp.datasets.pictures.layout import NoGroups, layout
from sslapp.datasets.pictures.listing import PictureFile, listed
from sslapp.datasets.pictures.reading import FrameChoice, Meaning, Reading
from sslapp.datasets.source import Refusal
from sslapp.vocabulary import Split

CLASS, GROUP, SPLIT, NOTHING = Meaning.CLASS, Meaning.GROUP, Meaning.SPLIT, Meaning.NOTHING


def listing(*names, refused=(), folders=()):
    files = [PictureFile(name, size) for size, name in enumerate(names, 1)]
    return listed(Path("/set"), "set", files, refused, folders)


def meanings(*names):
    found = suggest(listing(*names))
    return found.reading.levels, [question.folders for question in found.questions]


def told(found):
    return {
        file.called or file.name: (file.split, file.class_name, file.group) for file in found.files
    }


@pytest.mark.parametrize(
    ("names", "levels"),
    [
        (["1.png", "2.png"], ()),
        (["cat/1.png", "dog/2.png"], (CLASS,)),
        (["cat/old/1.png", "dog/2.png"], (CLASS, NOTHING)),
        (["data/1.png", "data/2.png"], (NOTHING,)),
        (["set/images/cat/1.png", "set/images/dog/2.png"], (NOTHING, NOTHING, CLASS)),
        (["train/cat/1.png", "test/dog/2.png"], (SPLIT, CLASS)),
        (["images/train/cat/1.png", "images/test/dog/2.png"], (NOTHING, SPLIT, CLASS)),
        (["cat/train/img/1.png", "dog/test/img/2.png"], (CLASS, SPLIT, NOTHING)),
        (["cat/images/1.png", "cat/masks/1.png", "dog/images/1.png"], (CLASS, NOTHING)),
        (["train/patient1/study1/1.png", "train/patient2/study1/1.png"], (SPLIT, GROUP, NOTHING)),
        (["XR_HAND/P-001/a.png", "XR_HAND/P-002/a.png", "XR_ELBOW/P-003/a.png"], (CLASS, GROUP)),
        (["patient1/visit1/1.png", "patient1/visit2/1.png", "patient2/1.png"], (GROUP, NOTHING)),
        (["subject_3/1.png", "subject_4/1.png"], (GROUP,)),
        (["0/1.png", "1/1.png", "2/1.png"], (CLASS,)),
        ([f"{number}/{image}.png" for number in range(43) for image in range(9)], (CLASS,)),
        ([f"class{number:03}/{number}.png" for number in range(60)], (CLASS,)),
        (["label_7/1.png", "label_9/1.png"], (CLASS,)),
        (["original/cat/1.png", "augmented/cat/1.png", "original/dog/1.png"], (NOTHING, CLASS)),
    ],
)
def test_what_is_not_in_doubt_is_suggested(names, levels):
    assert meanings(*names) == (levels, [])


@pytest.mark.parametrize(
    ("names", "levels", "asked"),
    [
        (["train/a/1.png", "holdout/b/2.png"], (SPLIT, CLASS), [("holdout",)]),
        (["train/a/1.png", "Test_Set/b/2.png"], (SPLIT, CLASS), [("Test_Set",)]),
        (["eval/1.png", "other/2.png"], (CLASS,), [("eval", "other")]),
        (["train/1.png", "test/2.png", "extra/3.png"], (CLASS,), [("extra", "test", "train")]),
        (["8863/1.png", "9036/2.png"], (GROUP,), [("8863", "9036")]),
        (
            ["patient1/0/1.png", "patient1/1/1.png", "patient2/0/1.png"],
            (GROUP, CLASS),
            [("0", "1")],
        ),
        ([f"{chr(97 + i)}_name/1.png" for i in range(25)], (GROUP,), None),
    ],
)
def test_what_nobody_can_know_is_asked(names, levels, asked):
    found, questions = meanings(*names)
    assert found == levels
    assert questions == asked if asked else len(questions) == 1


def test_images_in_doubt_are_shown_where_they_do_no_harm():
    found = look(listing("train/1.png", "train/2.png", "holdout/3.png"))
    assert found.splits == {Split.POOL: 2, Split.TEST: 1}
    assert [question.about for question in found.questions] == ["splits"]
    answered = Reading(splits={"holdout": Split.POOL})
    found = look(listing("train/1.png", "train/2.png", "holdout/3.png"), answered)
    assert found.splits == {Split.POOL: 3}
    assert found.questions == []


def test_confirmed_levels_still_need_their_splits_named():
    reading = Reading(levels=(SPLIT,))
    found = look(listing("train/1.png", "night/2.png"), reading)
    assert [question.folders for question in found.questions] == [("night",)]
    named = Reading(levels=(SPLIT,), splits={"Night": Split.TEST})
    assert look(listing("train/1.png", "night/2.png"), named).splits == {
        Split.POOL: 1,
        Split.TEST: 1,
    }


def test_a_person_has_the_last_word():
    names = ["cat/p1/1.png", "cat/p2/2.png", "cat/none/3.png"]
    reading = Reading(levels=(CLASS, GROUP), unlabelled=("cat",))
    assert told(layout(listing(*names), reading)) == {
        "cat/none/3.png": (Split.POOL, None, "none"),
        "cat/p1/1.png": (Split.POOL, None, "p1"),
        "cat/p2/2.png": (Split.POOL, None, "p2"),
    }
    with pytest.raises(ValueError, match="Two levels of folders are said to be classes"):
        layout(listing(*names), Reading(levels=(CLASS, CLASS)))


def test_a_set_that_was_packed_with_itself_inside_has_one_layout():
    names = ["set/train/a/1.png", "set/test/b/2.png"]
    again = [f"set/{name}" for name in names]
    found = look(listing(*names, *again))
    assert found.classes == {"a": 2, "b": 2}
    assert found.splits == {Split.POOL: 2, Split.TEST: 2}
    deeper = look(listing("train/a/1.png", "more/test/b/2.png"))
    assert deeper.splits == {Split.POOL: 1, Split.TEST: 1}
    assert deeper.classes == {"a": 1, "b": 1}


def test_masks_and_copies_are_pointed_out():
    found = look(listing("cat/images/1.png", "cat/masks/1.png", "dog/images/2.png"))
    assert (found.images, found.reading.leave_out) == (2, ("masks",))
    assert [(each.reason, each.count) for each in found.left_out] == [
        ("in a folder masks, which is left out", 1)
    ]
    assert "Folders called masks lie beside folders of images" in found.warnings[0]
    whole = look(listing("cat/images/1.png", "cat/masks/1.png"), Reading(leave_out=()))
    assert whole.images == 2
    masked = ["a/x (1).png", "a/x (1)_mask.png", "a/x (1)_mask_1.png", "b/y.png"]
    files = look(listing(*masked))
    assert (files.images, files.reading.leave_out) == (2, ("*_mask*",))
    assert look(listing(*masked, "b/with_mask.png")).images == 5  # whose _mask may mean another
    classes = look(listing("mask/1.png", "no_mask/2.png"))
    assert classes.classes == {"mask": 1, "no_mask": 1}
    copies = look(listing("cat/1.png", "cat/augmented/2.png", "dog/3.png"))
    assert copies.images == 3
    assert "Folders called augmented hold changed copies" in copies.warnings[0]
    left = look(listing("cat/1.png", "cat/augmented/2.png"), Reading(leave_out=("Augmented",)))
    assert left.images == 1


def test_unlabelled_folders_are_no_class():
    found = look(listing("cat/1.png", "dog/2.png", "unlabeled/3.png"))
    assert (found.classes, found.without_class) == ({"cat": 1, "dog": 1}, 1)
    assert found.reading.unlabelled == ("unlabeled",)


def test_names_are_written_alike_and_in_the_order_people_count():
    names = ["cat /10.png", "cat/2.png", " dog/1.png", "Mu\u0308ller/1.png"]
    found = layout(listing(*names))
    assert [file.name for file in found.files] == [
        "M\u00fcller/1.png",
        "cat/2.png",
        "cat/10.png",
        "dog/1.png",
    ]
    assert [*found.levels[0].folders] == ["M\u00fcller", "cat", "dog"]
    both = listing("Mu\u0308ller/1.png", "M\u00fcller/1.png")
    assert list(both.names) == ["M\u00fcller/1.png"]
    assert r"Mu\u0308ller/1.png and M\xfcller/1.png; rename one" in both.refused[0].reason


@pytest.mark.slow
def test_very_many_names_are_ordered_as_few_are_and_take_little_memory():
    names = [f"{number % 3:02}/{number}.png" for number in range(9000)]
    random.Random(0).shuffle(names)
    tracemalloc.start()
    found = listing(*names, names[100], names[5])
    files, refused = layout(found).files, found.refused
    del found
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert [file.name for file in files] == natural_order(names)
    assert held < 60 * len(names)  # a list of their names alone has 70 bytes each
    assert [(each.name, each.reason) for each in refused] == sorted(
        (name, "its name occurs twice") for name in (names[100], names[5])
    )


def test_groups_by_a_pattern_are_counted_with_examples():
    names = ["p1/a_x.png", "p1/b_y.png", "p2/c_y.png"]
    found = look(listing(*names), Reading(levels=(NOTHING,), group_pattern="([xy]).png"))
    assert (found.groups, found.without_group, found.pattern_matches) == (2, 0, 3)
    assert found.group_examples == [("p1/a_x.png", "x"), ("p1/b_y.png", "y")]
    some = look(listing(*names), Reading(group_pattern="x(?=.png)"))
    assert (some.groups, some.pattern_matches) == (3, 1)  # the others keep their folder
    with pytest.raises(NoGroups, match=r'"\^\(nobody\)_" fits none of the 3 paths, such as p1/a_x'):
        look(listing(*names), Reading(group_pattern="^(nobody)_"))
    long = f"{'p' * 201}/1.png"
    reading = Reading(levels=(GROUP,))
    assert look(listing(long, "a/2.png"), reading).left_out[0].reason == (
        "its group has more than 200 letters"
    )


def test_what_systems_add_is_one_line():
    hidden = [Refusal(f"__MACOSX/._{n}.png", "an entry that macOS adds") for n in range(40)]
    found = look(listing("a/1.png", "b/2.png", refused=[*hidden, Refusal("x.txt", "no picture")]))
    assert [(each.count, each.examples) for each in found.left_out] == [
        (40, ("__MACOSX/._0.png and 39 more",)),
        (1, ("x.txt",)),
    ]


def test_classes_that_differ_in_capitals_only_are_pointed_out():
    found = look(listing("Cat/1.png", "cat/2.png", "dog/3.png"))
    assert found.classes == {"Cat": 1, "cat": 1, "dog": 1}
    assert found.warnings == ['Classes that differ in capitals only: "Cat", "cat". Are they two?']


def test_empty_folders_are_named():
    found = look(listing("cat/1.png", "dog/2.png", folders=["cat", "dog", "fox", "fox/old"]))
    assert found.empty == ["fox"]
    assert found.warnings == ['Folders without a picture are left out: "fox".']


def test_a_reading_is_kept_as_json_and_read_again():
    reading = Reading(
        levels=(SPLIT, CLASS),
        splits={"eval": Split.TEST},
        unlabelled=("rest",),
        leave_out=("masks", "*_seg*"),
        group_pattern="p[0-9]+",
        frames=FrameChoice.ALL,
    )
    assert Reading.from_json(reading.to_json()) == reading
    assert Reading.from_json({}) == Reading()
