"""DICOM files as a source: found by content, called by pseudonyms, an image for each thing."""

import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
from dicom_files import SECRET, data_set, written
from PIL import Image
from pydicom import uid
from ward import PATIENTS, SLICES, radiograph, slice_of, ward

from sslapp.datasets.dicom.identifiers import Identifiers
from sslapp.datasets.look import list_source, look
from sslapp.datasets.pictures.arranged import OpenQuestions
from sslapp.datasets.pictures.listing import Listing
from sslapp.datasets.pictures.reading import FrameChoice, Meaning, Reading, TextChoice
from sslapp.datasets.registry import open_source
from sslapp.datasets.source import Item, PseudonymousSource, Refusal
from sslapp.imaging.bundles import Bundle, glance
from sslapp.imaging.decode import decode
from sslapp.imaging.dicom.opening import open_dicom
from sslapp.imaging.dicom.pixels.frames import frame_values
from sslapp.imaging.refused import RefusedFile
from sslapp.vocabulary import Slices, StackRule, Thing

BY_SERIES = Reading(thing=Thing.SERIES)


def opened(path: Path, reading: Reading | None = None) -> PseudonymousSource:
    source = open_source(str(path), reading=reading, secret=lambda: SECRET)
    assert isinstance(source, PseudonymousSource)
    return source


def items(path: Path, reading: Reading | None = None) -> list[Item]:
    found = list(opened(path, reading).items())
    assert all(isinstance(each, Item) for each in found)
    return found


def values(item: Item) -> np.ndarray:
    return frame_values(open_dicom(item.content, "original"))


def test_each_file_becomes_an_image_of_its_patient_and_others_are_named_by_number(tmp_path) -> None:
    folder = ward(tmp_path)
    source = opened(folder)
    found = list(source.items())
    assert len(found) == len(source) == 2 * (SLICES + 1)
    assert len({each.group for each in found}) == 2
    assert source.name == "DICOM, 2 patients"
    assert sorted(each.reason for each in source.refused) == [
        "a DICOM file that is not read: it ends within (7fe0,0010), 40 bytes too early.",
        "a structured report, in which no picture is.",
        "no DICOM or NIfTI file, and among such only they are taken",
        "no DICOM or NIfTI file, and among such only they are taken",
    ]
    assert all(each.name.startswith("file ") for each in source.refused)
    said = repr([found, source.refused, source.facts, source.name])
    for secret in (*PATIENTS, "WARD-"):
        assert secret not in said
        assert all(secret.encode() not in each.content for each in found)


def test_the_picture_is_the_one_that_was_sent(tmp_path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "IM1").write_bytes(slice_of(0, 3))
    (item,) = items(tmp_path / "one")
    sent = frame_values(open_dicom(slice_of(0, 3), "sent"))
    np.testing.assert_array_equal(values(item), sent)
    assert decode(item.content, item.name).shape == (16, 16)


def test_of_a_series_the_middle_slice_by_its_place_is_taken(tmp_path) -> None:
    found = items(ward(tmp_path), BY_SERIES)
    assert len(found) == 4
    middle = frame_values(open_dicom(slice_of(0, 0), "at 20 mm"))
    assert any(np.array_equal(values(each), middle) for each in found)
    assert [len({each.group for each in found})] == [2]


def test_slices_follow_each_other_along_the_body(tmp_path) -> None:
    folder = ward(tmp_path)
    for each in folder.rglob("*.dcm"):
        each.unlink()
    found = [values(each) for each in items(folder)]
    wanted = [frame_values(open_dicom(slice_of(0, at), "sent")) for at in (1, 2, 0, 4, 3)]
    runs = (found[:SLICES], found[SLICES:])
    assert any(all(map(np.array_equal, run, wanted)) for run in runs)


def test_of_several_frames_the_middle_one_or_all_become_images(tmp_path) -> None:
    made = np.random.default_rng(0).integers(0, 900, (4, 8, 8)).astype(np.uint16)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "1").write_bytes(written(data_set(made)))
    (one,) = items(tmp_path / "set")
    np.testing.assert_array_equal(values(one), made[1])
    each_frame = items(tmp_path / "set", Reading(thing=Thing.FRAME))
    np.testing.assert_array_equal([values(each) for each in each_frame], made)
    assert [each.name.rpartition("#")[2] for each in each_frame] == ["1", "2", "3", "4"]
    assert one.name == each_frame[1].name


def test_what_may_show_text_is_asked_about(tmp_path) -> None:
    folder = ward(tmp_path, text=True)
    with pytest.raises(OpenQuestions, match="--burned-in"):
        opened(folder)
    without = opened(folder, Reading(burned_in=TextChoice.LEAVE_OUT))
    taken = opened(folder, Reading(burned_in=TextChoice.TAKE))
    assert (len(without), len(taken)) == (12, 13)
    assert "burned in" in without.refused[-1].reason


@pytest.mark.parametrize(("says", "asked"), [("YES", True), ("NO", False)])
def test_a_file_that_says_what_is_burned_in_is_believed(tmp_path, says, asked) -> None:
    (tmp_path / "set").mkdir()
    made = data_set(BurnedInAnnotation=says, Modality="US")
    (tmp_path / "set" / "1").write_bytes(written(made))
    look_at = look(list_source(tmp_path / "set", secret=lambda: SECRET))
    assert bool(look_at.questions) is asked


def test_a_second_copy_of_an_instance_is_left_out(tmp_path) -> None:
    folder = ward(tmp_path)
    (folder / "again").write_bytes(radiograph(0))
    refused = [each.reason for each in opened(folder).refused]
    assert any(each.startswith("the same SOP instance as a file before it") for each in refused)


def test_an_archive_is_read_like_a_folder_and_under_the_same_names(tmp_path) -> None:
    folder = ward(tmp_path)
    path = tmp_path / "sent.zip"
    with zipfile.ZipFile(path, "w") as file:
        for each in folder.rglob("*"):
            if each.is_file():
                file.write(each, each.relative_to(folder))
    assert [each.name for each in items(path)] == [each.name for each in items(folder)]


def test_files_called_pictures_are_found_by_their_content(tmp_path) -> None:
    folder = ward(tmp_path / "ward")
    for number, path in enumerate(sorted(each for each in folder.rglob("*") if each.is_file())):
        path.rename(path.with_name(f"{number}.{'jpg' if number % 2 else 'PNG'}"))
    assert list_source(str(folder), secret=lambda: SECRET).dicom is not None
    assert len(items(folder)) == 2 * (SLICES + 1)


def test_a_file_may_be_called_anything_and_lack_its_preamble(tmp_path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    names = ("x.dicom", "x.dcm", "IM00001", "1.2.840.10008.5", "no_preamble.dcm")
    for number, name in enumerate(names):
        made = data_set(np.full((6, 8), number, np.uint16), SOPInstanceUID=f"1.2.3.{number}")
        (folder / name).write_bytes(written(made, preamble=name != "no_preamble.dcm"))
    assert sorted(int(values(each).max()) for each in items(folder)) == [0, 1, 2, 3, 4]


def test_files_without_a_picture_are_left_out_with_what_they_are(tmp_path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "ct.dcm").write_bytes(slice_of(0, 0))
    kinds = {
        "DICOMDIR": uid.MediaStorageDirectoryStorage,
        "report.dcm": uid.BasicTextSRStorage,
        "plan.dcm": uid.RTPlanStorage,
    }
    for number, (name, kind) in enumerate(kinds.items()):
        made = data_set(SOPClassUID=kind, SOPInstanceUID=f"1.2.9.{number}", PixelData=None)
        (folder / name).write_bytes(written(made))
    source = opened(folder)
    assert len(source) == len(list(source.items())) == 1
    assert sorted(each.reason for each in source.refused) == [
        "a DICOMDIR, a list of files, in which no picture is.",
        "a structured report, in which no picture is.",
        "an RT plan, in which no picture is.",
    ]


def test_one_among_many_pictures_is_called_what_it_is(tmp_path) -> None:
    side_by_side = tmp_path / "pictures"
    side_by_side.mkdir()
    for number in range(200):
        Image.new("L", (8, 8), number).save(side_by_side / f"{number:03d}.png")
    (side_by_side / "001.png").write_bytes(written(data_set(np.zeros((4, 4), np.uint16))))
    (found,) = (each for each in open_source(str(side_by_side)).items() if each.name == "001.png")
    assert isinstance(found, Item)
    with pytest.raises(RefusedFile, match="a DICOM file, which comes in de-identified"):
        decode(found.content, found.name)


def test_another_secret_gives_other_names(tmp_path) -> None:
    folder = ward(tmp_path)
    other = open_source(str(folder), secret=lambda: bytes(32))
    assert not {each.name for each in other.items()} & {each.name for each in items(folder)}


def test_facts_are_words_of_the_standard_and_bands(tmp_path) -> None:
    source = opened(ward(tmp_path))
    (film, *_) = [each for each in source.facts.values() if each["Modality"] == "DX"]
    assert film["View"] == "PA"
    assert film["Body part"] == "CHEST"
    assert len(film["Scanner"]) == 8
    (slice_, *_) = [each for each in source.facts.values() if each["Modality"] == "CT"]
    assert (slice_["Age"], slice_["Sex"]) == ("60-69", "F")


def test_a_look_counts_for_each_choice_keeps_no_name_and_comes_back_from_a_file(tmp_path) -> None:
    folder = ward(tmp_path, text=True)
    listing = list_source(folder, secret=lambda: SECRET)
    listing.save(tmp_path / "kept.json")
    kept = (tmp_path / "kept.json").read_text()
    for secret in (*PATIENTS, "WARD-", str(tmp_path), "echo"):
        assert secret not in kept
    listing = Listing.load(tmp_path / "kept.json")
    counts = {
        (thing, text): look(listing, Reading(thing=thing, burned_in=text)).images
        for thing in Thing
        for text in TextChoice
        if text is not TextChoice.HOLD_BACK or thing not in (Thing.STUDY, Thing.PATIENT)
    }
    assert counts == {
        (Thing.INSTANCE, TextChoice.HOLD_BACK): 12,
        (Thing.INSTANCE, TextChoice.LEAVE_OUT): 12,
        (Thing.INSTANCE, TextChoice.TAKE): 13,
        (Thing.FRAME, TextChoice.HOLD_BACK): 12,
        (Thing.FRAME, TextChoice.LEAVE_OUT): 12,
        (Thing.FRAME, TextChoice.TAKE): 15,
        (Thing.SERIES, TextChoice.HOLD_BACK): 4,
        (Thing.SERIES, TextChoice.LEAVE_OUT): 4,
        (Thing.SERIES, TextChoice.TAKE): 5,
        (Thing.STUDY, TextChoice.LEAVE_OUT): 4,
        (Thing.STUDY, TextChoice.TAKE): 5,
        (Thing.PATIENT, TextChoice.LEAVE_OUT): 2,
        (Thing.PATIENT, TextChoice.TAKE): 2,
    }
    assert look(listing).groups == 2


def test_a_look_that_is_not_kept_names_what_is_left_out(tmp_path) -> None:
    listing = list_source(ward(tmp_path), named=True)
    assert f"broken {PATIENTS[1]}.dcm" in [each.name for each in listing.refused]


def test_without_a_picture_in_them_nothing_comes(tmp_path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "1").write_bytes(radiograph(0)[:-40])
    with pytest.raises(ValueError, match=r"No picture is in these DICOM files.* file 1: "):
        opened(tmp_path / "set")


def test_a_file_by_itself_is_a_source(tmp_path) -> None:
    ward(tmp_path)
    (path,) = tmp_path.rglob(f"{PATIENTS[1]}.dcm")
    (item,) = items(path)
    np.testing.assert_array_equal(values(item), frame_values(open_dicom(radiograph(1), "sent")))
    assert look(list_source(path)).images == 1


def test_slices_of_a_volume_are_images_and_its_file_a_patient(tmp_path) -> None:
    (tmp_path / "set").mkdir()
    made = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7)
    volume = nibabel.Nifti1Image(made, np.diag([1.0, 1.0, 3.0, 1.0]))
    volume.header["descrip"] = b"MUELLER ANNA"
    nibabel.save(volume, tmp_path / "set" / "MUELLER.nii.gz")
    (one,) = items(tmp_path / "set")
    assert values(one).shape == (6, 5)
    assert b"MUELLER" not in one.content
    assert "MUELLER" not in one.name
    each_slice = items(tmp_path / "set", Reading(thing=Thing.FRAME))
    assert len(each_slice) == 7
    assert {each.group for each in each_slice} == {one.group}
    assert sorted(values(each_slice[2]).ravel()) == sorted(made[:, :, 2].ravel())
    path = tmp_path / "volumes.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.write(tmp_path / "set" / "MUELLER.nii.gz", "MUELLER.nii.gz")
    assert [each.name for each in items(path)] == [one.name]
    assert [each.name for each in items(tmp_path / "set" / "MUELLER.nii.gz")] == [one.name]


@pytest.mark.parametrize(
    ("option", "reading"),
    [
        ("--levels", Reading(levels=(Meaning.CLASS,))),
        ("--group-pattern", Reading(group_pattern="(P)")),
        ("--leave-out", Reading(leave_out=("CT1",))),
        ("--frames", Reading(frames=FrameChoice.ALL)),
    ],
)
def test_what_is_said_of_folders_and_names_is_refused(tmp_path, option, reading) -> None:
    folder = ward(tmp_path)
    with pytest.raises(ValueError, match=option):
        opened(folder, reading)
    with pytest.raises(ValueError, match=option):
        look(list_source(folder), reading)


def pictures(item: Item) -> list[np.ndarray]:
    """The stored values of what an image bundles."""
    bundle = Bundle(item.content, item.name)
    files = bundle.files(range(bundle.facts.count))
    return [frame_values(open_dicom(each, "picture")) for each in files]


def sent_slices(*numbers: int) -> list[np.ndarray]:
    return [frame_values(open_dicom(slice_of(0, at), "sent")) for at in numbers]


@pytest.mark.parametrize(
    ("slices", "rule", "numbers"),
    [
        (Slices.ALL, StackRule.MIDDLE, (1, 2, 0, 4, 3)),
        (Slices.THREE, StackRule.THREE, (2, 0, 4)),
    ],
)
def test_slices_of_a_series_are_one_image_in_the_order_of_the_body(
    tmp_path, slices, rule, numbers
) -> None:
    found = items(ward(tmp_path), Reading(thing=Thing.SERIES, slices=slices))
    stacks = [each for each in found if glance(each.content)]
    assert (len(found), len(stacks)) == (4, 2)  # each patient's film is a series of one
    assert {glance(each.content).rule for each in stacks} == {rule}
    wanted = sent_slices(*numbers)
    assert any(
        len(have := pictures(each)) == len(wanted) and all(map(np.array_equal, have, wanted))
        for each in stacks
    )
    (name,) = {each.name.count("/") for each in found}
    assert name == 1


def test_the_rule_of_a_stack_is_chosen(tmp_path) -> None:
    reading = Reading(thing=Thing.SERIES, slices=Slices.ALL, rule=StackRule.MAXIMUM)
    stacks = [each.content for each in items(ward(tmp_path), reading)]
    assert {facts.rule for each in stacks if (facts := glance(each))} == {StackRule.MAXIMUM}


def test_pictures_of_a_study_or_patient_are_one_image(tmp_path) -> None:
    folder = ward(tmp_path)
    assert [glance(each.content) for each in items(folder, Reading(thing=Thing.STUDY))] == [
        None
    ] * 4
    found = items(folder, Reading(thing=Thing.PATIENT))
    assert [glance(each.content).count for each in found] == [2, 2]
    assert [each.name for each in found] == [each.group for each in found]
    shapes = {each.shape for each in pictures(found[0])}
    assert shapes == {(16, 16), (20, 14)}  # of the stack the middle slice, and the film
    assert decode(found[0].content, "patient").shape == (20, 40)


def test_what_an_image_bundles_is_known_by_what_all_of_it_says(tmp_path) -> None:
    folder = ward(tmp_path)
    stacks = opened(folder, Reading(thing=Thing.SERIES, slices=Slices.ALL)).facts.values()
    assert ("CT", "60-69") in [(each["Modality"], each.get("Age")) for each in stacks]
    assert all(
        "Modality" not in each
        for each in opened(folder, Reading(thing=Thing.PATIENT)).facts.values()
    )


def test_of_a_patient_the_series_that_may_show_text_is_left_out_alone(tmp_path) -> None:
    folder = ward(tmp_path, text=True)
    left = opened(folder, Reading(thing=Thing.PATIENT, burned_in=TextChoice.LEAVE_OUT))
    taken = opened(folder, Reading(thing=Thing.PATIENT, burned_in=TextChoice.TAKE))
    assert [glance(each.content).count for each in left.items()] == [2, 2]
    assert sorted(glance(each.content).count for each in taken.items()) == [2, 3]
    assert sum("burned in" in each.reason for each in left.refused) == 1


def test_a_picture_that_is_damaged_refuses_its_stack_and_no_other(tmp_path) -> None:
    folder = ward(tmp_path)
    source = opened(folder, Reading(thing=Thing.SERIES, slices=Slices.ALL))
    (path, *_) = folder.rglob("IM0003")
    path.write_bytes(path.read_bytes()[:-40])
    found = list(source.items())
    assert [type(each).__name__ for each in found].count("Refusal") == 1
    (refused,) = [each for each in found if isinstance(each, Refusal)]
    assert "40 bytes too early" in refused.reason


@pytest.mark.parametrize(
    ("message", "reading"),
    [
        ("--slices is of series", Reading(slices=Slices.ALL)),
        ("--slices is of series", Reading(thing=Thing.STUDY, slices=Slices.THREE)),
        ("--trained-on is of several slices", Reading(rule=StackRule.MAXIMUM)),
        ("a study is of several", Reading(thing=Thing.STUDY, burned_in=TextChoice.HOLD_BACK)),
        ("--trained-on is of several", Reading(thing=Thing.SERIES, rule=StackRule.THREE)),
    ],
)
def test_what_cannot_be_of_a_thing_is_refused(tmp_path, message, reading) -> None:
    with pytest.raises(ValueError, match=message):
        opened(ward(tmp_path), reading)


@pytest.mark.parametrize(
    ("thing", "slices", "calls"),
    [
        (Thing.SERIES, Slices.ALL, {"1.2.3.0.1": 1, "WARD-0": 2, "1.2.3.0": 0}),
        (Thing.STUDY, None, {"1.2.3.0": 1, "WARD-0": 2, "1.2.3.0.1": 0}),
        (Thing.PATIENT, None, {"WARD-0": 1, "1.2.3.0": 0}),
        (Thing.INSTANCE, None, {"1.2.3.0.1.2": 1, "1.2.3.0.1": 5, "WARD-0": 6}),
    ],
)
def test_lists_find_images_by_the_identifiers_of_what_they_are(
    tmp_path, thing, slices, calls
) -> None:
    names = [each.name for each in items(ward(tmp_path), Reading(thing=thing, slices=slices))]
    identifiers = Identifiers(names, SECRET)
    assert {said: len(identifiers.find(said)) for said in calls} == calls


def test_an_institution_is_a_pseudonym_that_files_of_it_share(tmp_path) -> None:
    (tmp_path / "set").mkdir()
    for number, name in enumerate(("St Mary's", "St Mary's", "Charite", None)):
        made = data_set(SOPInstanceUID=f"1.2.{number}", InstitutionName=name)
        (tmp_path / "set" / str(number)).write_bytes(written(made))
    found = opened(tmp_path / "set")
    sites = [each.get("Site") for each in found.facts.values()]
    assert sites[0] == sites[1] != sites[2]
    assert sites[3] is None
    assert "Mary" not in repr(sites)
    assert all(b"Mary" not in each.content for each in found.items())
