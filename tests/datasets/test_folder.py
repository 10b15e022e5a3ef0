import os

import pytest
from picture_sources import folder_source

from sslapp.datasets.pictures.arranged import OpenQuestions
from sslapp.datasets.pictures.layout import NoGroups
from sslapp.datasets.pictures.reading import Meaning, Reading
from sslapp.datasets.source import Item, Refusal
from sslapp.imaging.decode import decode
from sslapp.vocabulary import Split


def listing(source):
    return {item.name: item for item in source.items()}


def test_sub_folders_are_hidden_true_labels_at_any_depth(tree, picture):
    root = tree({"dog/b.png": picture(1), "cat/old/x/a.png": picture(2), "cat/z.png": picture(3)})
    source = folder_source(root)
    assert source.class_names == ["cat", "dog"]
    assert [(item.name, item.true_class) for item in source.items()] == [
        ("cat/old/x/a.png", 0),
        ("cat/z.png", 0),
        ("dog/b.png", 1),
    ]


def test_a_flat_folder_has_no_classes_and_keeps_the_files_bytes(tree, picture):
    source = folder_source(tree({"2.png": picture(2), "1.png": picture(1)}))
    first, second = source.items()
    assert source.class_names is None
    assert (first.name, first.true_class, first.split) == ("1.png", None, Split.POOL)
    assert second.content == picture(2)
    assert (second.image() == decode(picture(2), "2.png")).all()


def test_a_folder_without_a_picture_is_among_what_was_left_out(tree, picture):
    root = tree({"cat/1.png": picture(1), "dog/2.png": picture(2)})
    (root / "fox" / "young").mkdir(parents=True)
    source = folder_source(root)
    assert source.class_names == ["cat", "dog"]
    assert source.refused == [Refusal("fox", "a folder without a picture")]


def test_train_and_test_folders_become_splits(tree, picture):
    source = folder_source(
        tree(
            {
                "train/cat/1.png": picture(1),
                "val/dog/2.png": picture(2),
                "test/cat/3.png": picture(3),
            }
        )
    )
    assert source.class_names == ["cat", "dog"]
    assert {name: item.split for name, item in listing(source).items()} == {
        "train/cat/1.png": Split.POOL,
        "val/dog/2.png": Split.POOL,
        "test/cat/3.png": Split.TEST,
    }


def test_a_folder_called_test_beside_other_names_is_asked_about(tree, picture):
    root = tree({"test/1.png": picture(1), "control/2.png": picture(2)})
    with pytest.raises(OpenQuestions, match=r'"test" may be splits .* beside them lie "control"'):
        folder_source(root)
    source = folder_source(root, reading=Reading(levels=(Meaning.CLASS,)))
    assert source.class_names == ["control", "test"]
    assert {item.split for item in source.items()} == {Split.POOL}


def test_groups_are_read_from_whole_paths(tree, picture):
    files = {
        "a/person7_bacteria_1.png": picture(1),
        "a/person7_2.png": picture(2),
        "b/x.png": picture(3),
    }
    source = folder_source(tree(files), group_pattern=r"(person\d+)_")
    assert {name: item.group for name, item in listing(source).items()} == {
        "a/person7_bacteria_1.png": "person7",
        "a/person7_2.png": "person7",
        "b/x.png": None,
    }
    whole = folder_source(tree(files), group_pattern=r"person\d+")
    assert listing(whole)["a/person7_2.png"].group == "person7"
    folders = folder_source(tree(files), group_pattern="^[ab](?=/)")
    assert {item.group for item in folders.items()} == {"a", "b"}
    with pytest.raises(ValueError, match="no regular expression"):
        folder_source(tree(files), group_pattern="(")
    with pytest.raises(NoGroups, match=r"fits none of the 3 paths, such as a/person7_2\.png, "):
        folder_source(tree(files), group_pattern="nobody")


def test_a_restart_goes_on_where_it_stopped(tree, picture):
    source = folder_source(tree({f"{n}.png": picture(n) for n in range(5)}))
    assert [item.name for item in source.items(3)] == ["3.png", "4.png"]
    assert list(source.items(5)) == []


def test_hidden_files_and_other_types_are_refused_with_their_reason(tree, picture):
    root = tree(
        {
            "a.png": picture(1),
            ".hidden.png": picture(2),
            ".git/x.png": picture(3),
            "notes.txt": b"x",
            "page.svg": b"<svg/>",
            "no_suffix": picture(4),
            "bad\nname.png": picture(5),
        }
    )
    source = folder_source(root)
    assert [item.name for item in source.items()] == ["a.png", "no_suffix"]
    assert {refusal.name: refusal.reason for refusal in source.refused} == {
        ".hidden.png": "a hidden file",
        ".git": "a hidden folder",
        "notes.txt": ".txt is not a picture type that is read",
        "page.svg": ".svg is not a picture type that is read",
        "bad\\nname.png": "its name has characters that cannot be shown; rename it",
    }


def test_names_in_any_script_are_taken_and_broken_ones_refused(tree, picture):
    root = tree({"猫 1\u202f.png": picture(1), "é.png": picture(2)})
    os.close(os.open(os.fsencode(root) + b"/\xff.png", os.O_CREAT | os.O_WRONLY))
    source = folder_source(root)
    assert {item.name for item in source.items()} == {"猫 1\u202f.png", "é.png"}
    assert [refusal.name for refusal in source.refused] == ["\\udcff.png"]


def test_links_out_of_the_folder_are_refused(tree, picture, tmp_path):
    root = tree({"in/real.png": picture(1), "in/other/real.png": picture(3), "b.png": picture(4)})
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture(2))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "s.png").write_bytes(picture(2))
    (root / "absolute.png").symlink_to(secret)
    (root / "dots.png").symlink_to("../secret.png")
    (root / "in" / "ok.png").symlink_to("other/real.png")
    (root / "chain.png").symlink_to("dots.png")
    (root / "broken.png").symlink_to("nowhere.png")
    (root / "loop.png").symlink_to("loop.png")
    (root / "folder").symlink_to(outside)
    (root / "cycle").symlink_to(root)
    (root / "set2").symlink_to("../set")
    source = folder_source(root)
    assert [item.name for item in source.items()] == ["b.png", "in/ok.png", "in/real.png"]
    assert {refusal.name: refusal.reason for refusal in source.refused} == {
        "in/other/real.png": "a copy of in/ok.png",
        "absolute.png": "a link that leaves the folder",
        "dots.png": "a link that leaves the folder",
        "chain.png": "a link that leaves the folder",
        "broken.png": "a link that leads nowhere",
        "loop.png": "a link that leads nowhere",
        "folder": "a link to a folder",
        "cycle": "a link to a folder",
        "set2": "a link to a folder",
    }


def test_a_folder_beside_with_the_same_beginning_is_outside(tree, picture, tmp_path):
    root = tree({"a.png": picture(1)})
    beside = tmp_path / "set-secret"
    beside.mkdir()
    (beside / "s.png").write_bytes(picture(2))
    (root / "b.png").symlink_to(beside / "s.png")
    assert [item.name for item in folder_source(root).items()] == ["a.png"]


def test_a_link_swapped_in_after_the_listing_is_not_followed(tree, picture, tmp_path):
    root = tree({"a.png": picture(1), "b.png": picture(2)})
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture(3))
    source = folder_source(root)
    (root / "a.png").unlink()
    (root / "a.png").symlink_to(secret)
    first, second = source.items()
    assert isinstance(first, Refusal)
    assert first.name == "a.png"
    assert isinstance(second, Item)


def test_pipes_do_not_hang_the_import(tree, picture):
    root = tree({"a.png": picture(1), "b.png": picture(2)})
    os.mkfifo(root / "pipe.png")
    source = folder_source(root)
    assert [refusal.reason for refusal in source.refused] == ["not a plain file"]
    (root / "b.png").unlink()
    os.mkfifo(root / "b.png")
    assert [type(entry) for entry in source.items()] == [Item, Refusal]


def test_a_folder_without_pictures_and_a_missing_one_are_errors(tree, tmp_path):
    with pytest.raises(ValueError, match="no picture file in it"):
        folder_source(tree({"a.txt": b""}))
    with pytest.raises(ValueError, match="no such folder"):
        folder_source(tmp_path / "nowhere")
