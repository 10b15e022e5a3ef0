"""NIfTI volumes as DICOM frames: which way up, which values, and what is refused."""

import gzip
import tracemalloc

import numpy as np
import pytest
from dicom_files import SECRET
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel import Nifti1Image, Nifti2Image
from nibabel.nifti1 import Nifti1Extension

from sslapp.imaging.dicom.deidentification.cleaning import cleaned
from sslapp.imaging.dicom.deidentification.mark import is_marked
from sslapp.imaging.dicom.display import display, modality_values
from sslapp.imaging.dicom.geometry import in_order, slices_of
from sslapp.imaging.dicom.nifti.slices import nifti_slices
from sslapp.imaging.dicom.nifti.volume import is_nifti
from sslapp.imaging.dicom.opening import DicomFile, open_dicom
from sslapp.imaging.dicom.pixels.frames import frame_count, frame_values
from sslapp.imaging.refused import RefusedFile

VOLUME = np.arange(24, dtype=np.int16).reshape(2, 3, 4)  # x, y, z: 12 x + 4 y + z
RAS = np.array([[1.0, 0, 0, 10], [0, 1, 0, 20], [0, 0, 1, 30], [0, 0, 0, 1]])


def volume(values=VOLUME, affine=RAS, kind=Nifti1Image, **said) -> bytes:
    """The bytes of a file; `said` overwrites fields of its header."""
    image = kind(values, affine)
    content = image.to_bytes()
    if not said:
        return content
    header = image.header.copy()
    header["vox_offset"] = 352 if kind is Nifti1Image else 544
    header["magic"] = content[344:348] if kind is Nifti1Image else content[4:12]
    for name, value in said.items():
        header[name] = value
    length = len(header.binaryblock)
    return header.binaryblock + content[length:]


def opened(content: bytes) -> DicomFile:
    return open_dicom(nifti_slices(content, "a.nii").dicom, "a.nii")


def frames(content: bytes) -> np.ndarray:
    file = opened(content)
    return np.stack([frame_values(file, at) for at in range(frame_count(file))])


def affine(directions, corner=(0, 0, 0)) -> np.ndarray:
    made = np.eye(4)
    made[:3, :3] = np.transpose(directions)
    made[:3, 3] = corner
    return made


# of the first frame: its corners by row and column, and where the first pixel lies in LPS
@pytest.mark.parametrize(
    ("directions", "corners", "position"),
    [
        # voxels to right, front, head: the patient's right (x = 1) at the left, front (y = 2) up
        ([(1, 0, 0), (0, 1, 0), (0, 0, 1)], [[20, 8], [12, 0]], (-1, -2, 0)),
        # to left, back, head: as pictures are
        ([(-1, 0, 0), (0, -1, 0), (0, 0, 1)], [[0, 12], [8, 20]], (0, 0, 0)),
        # to left, front, head: a negative determinant
        ([(-1, 0, 0), (0, 1, 0), (0, 0, 1)], [[8, 20], [0, 12]], (0, -2, 0)),
        # to right, front, foot: the first frame is the last slice
        ([(1, 0, 0), (0, 1, 0), (0, 0, -1)], [[23, 11], [15, 3]], (-1, -2, -3)),
        # z to the front, y to the head: a frame is of x and z, the front (z = 3) up
        ([(1, 0, 0), (0, 0, 1), (0, 1, 0)], [[15, 3], [12, 0]], (-1, -3, 0)),
        # x to the back, y to the right, z to the head
        ([(0, -1, 0), (1, 0, 0), (0, 0, 1)], [[8, 0], [20, 12]], (-2, 0, 0)),
    ],
)
def test_the_right_is_at_the_left_and_the_front_is_up(directions, corners, position) -> None:
    file = opened(volume(affine=affine(directions)))
    first = frame_values(file, 0)
    assert first[[0, 0, -1, -1], [0, -1, 0, -1]].reshape(2, 2).tolist() == corners
    facts = file.header.frame(0)
    assert facts.position == position
    assert facts.orientation == (1, 0, 0, 0, 1, 0)
    assert facts.spacing == (1, 1)


@pytest.mark.parametrize(
    ("sides", "corners", "orientation", "position"),
    [
        # thick along y: coronal, head (z = 3) up, right (x = 1) at the left, from the front (y = 2)
        ((1, 5, 1), [[23, 11], [20, 8]], (1, 0, 0, 0, 0, -1), (-1, -10, 3)),
        # thick along x: sagittal, head up, front (y = 2) at the left, from the right (x = 1)
        ((5, 1, 1), [[23, 15], [20, 12]], (0, 1, 0, 0, 0, -1), (-5, -2, 3)),
    ],
)
def test_thick_slices_are_those_of_the_acquisition(sides, corners, orientation, position) -> None:
    file = opened(volume(affine=np.diag([*sides, 1.0])))
    first = frame_values(file, 0)
    assert first[[0, 0, -1, -1], [0, -1, 0, -1]].reshape(2, 2).tolist() == corners
    facts = file.header.frame(0)
    assert facts.orientation == orientation
    assert facts.position == position


def test_every_pixel_of_an_oblique_volume_lies_where_its_voxel_does() -> None:
    a, b = np.radians(20), np.radians(-15)
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    turn = turn @ np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    placed = np.eye(4)
    placed[:3, :3] = turn @ np.diag([0.7, -0.8, 3.0])
    placed[:3, 3] = (-12.5, 8, 40)
    file = opened(volume(affine=placed))
    for at in range(4):
        facts, values = file.header.frame(at), frame_values(file, at)
        assert facts.position is not None and facts.orientation is not None
        along, down = np.split(np.array(facts.orientation), 2)
        for row, column in np.ndindex(values.shape):
            voxel = np.unravel_index(int(values[row, column]), VOLUME.shape)
            in_ras = placed[:3, :3] @ voxel + placed[:3, 3]
            lies = facts.position + column * facts.spacing[1] * along
            lies = lies + row * facts.spacing[0] * down
            np.testing.assert_allclose(lies, in_ras * (-1, -1, 1), atol=1e-4)


def test_frames_are_in_the_order_of_slices() -> None:
    for sides in ((1, 1, 1), (1, 1, -4), (1, -4, 1), (-4, 1, 1)):
        file = opened(volume(affine=np.diag([*sides, 1.0])))
        found = in_order(slices_of(file.header))
        assert found.order == tuple(range(frame_count(file)))
        assert (found.note, found.gaps, found.scouts) == ("", (), ())


def test_qform_counts_without_sform_and_pixdim_alone_is_told() -> None:
    image = Nifti1Image(VOLUME, None)
    image.header.set_qform(np.diag([-1, -1, 2, 1]), 1)
    image.header.set_sform(None, 0)
    found = nifti_slices(image.to_bytes(), "a.nii")
    assert found.notes == ()
    assert frame_values(open_dicom(found.dicom, "a"), 0)[0, 0] == 0
    bare = nifti_slices(volume(sform_code=0, qform_code=0), "a.nii")
    assert any("no orientation" in each for each in bare.notes)
    assert frame_values(open_dicom(bare.dicom, "a"), 0)[0].tolist() == [8, 20]


def test_an_sform_that_is_none_is_told() -> None:
    found = nifti_slices(volume(srow_x=0), "a.nii")
    assert found.notes[0] == "its sform is no orientation and was not used"


def test_a_picture_of_two_dimensions_is_one_frame() -> None:
    assert frames(volume(VOLUME[:, :, 0])).tolist() == [[[20, 8], [16, 4], [12, 0]]]


@pytest.mark.parametrize("code", ["u1", "i1", "i2", "u2", "i4", "u4", "f4"])
@pytest.mark.parametrize("order", "<>")
def test_values_stay_to_the_bit(code, order) -> None:
    kind = np.dtype(code)
    ends = np.finfo(kind) if kind.kind == "f" else np.iinfo(kind)
    values = np.linspace(ends.min / 2, ends.max / 2, 24).astype(kind).reshape(2, 3, 4)
    image = Nifti1Image(values, np.diag([-1, -1, 1, 1]), Nifti1Image.header_class(endianness=order))
    image.header.set_data_dtype(kind)
    found = frames(image.to_bytes())
    assert image.header.endianness == order
    np.testing.assert_array_equal(found, values.transpose(2, 1, 0))


def test_a_rescale_is_the_readers() -> None:
    file = opened(volume(scl_slope=0.5, scl_inter=-1000))
    values = frame_values(file, 0)
    assert values.dtype == np.int16
    np.testing.assert_array_equal(modality_values(file.header, values), values * 0.5 - 1000)
    none = opened(volume(scl_slope=0, scl_inter=7)).header.frame(0)
    assert none.slope is None


@pytest.mark.parametrize("code", ["i4", "i8", "u8", "f4", "f8"])
def test_whole_numbers_of_many_bits_become_sixteen(code) -> None:
    found = frames(Nifti1Image(VOLUME.astype(code), RAS, dtype=code).to_bytes())
    assert found.dtype == np.int16
    assert found[0].tolist() == frames(volume())[0].tolist()


def test_numbers_that_are_none_get_the_smallest() -> None:
    values = np.linspace(0.25, 9, 24, dtype=np.float32).reshape(2, 3, 4)
    values[0, 0, 0], values[1, 0, 0], values[0, 2, 0] = np.nan, np.inf, -np.inf
    found = nifti_slices(volume(values), "a.nii")
    first = frame_values(open_dicom(found.dicom, "a"), 0)
    assert first.dtype == np.float32
    assert (first == values[np.isfinite(values)].min()).sum() == 3
    assert len(found.notes) == 1


def test_colours() -> None:
    kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    colours = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 3), dtype=np.uint8)
    values = np.ascontiguousarray(colours).view(kind)[..., 0]
    found = frames(volume(values, np.diag([-1, -1, 1, 1])))
    np.testing.assert_array_equal(found, colours.transpose(2, 1, 0, 3))


def test_the_window_is_that_of_the_file_or_leaves_background_out() -> None:
    (said,) = opened(volume(cal_min=2, cal_max=12)).header.frame(0).windows
    assert (said.center, said.width) == (7, 10)
    values = np.zeros((10, 10, 10), np.int16)
    values[5] = np.arange(100).reshape(10, 10) + 1000
    file = opened(volume(values))
    (own,) = file.header.frame(0).windows
    assert own.center - own.width / 2 == pytest.approx(1000, abs=1)
    assert own.center + own.width / 2 == pytest.approx(1099, abs=1)
    assert display(file.header, frame_values(file, 0)).max() > 0


def test_numbers_beyond_floats_of_32_bits_are_no_scaling() -> None:
    with pytest.raises(RefusedFile, match="scl_slope"):
        nifti_slices(volume(kind=Nifti2Image, scl_slope=1e300, scl_inter=0), "a.nii")
    (own,) = opened(volume(kind=Nifti2Image, cal_max=1e-300)).header.frame(0).windows
    assert own.width > 1


def test_gzip_and_version_two() -> None:
    plain = volume()
    for each in (gzip.compress(plain), volume(kind=Nifti2Image)):
        assert is_nifti(each)
        np.testing.assert_array_equal(frames(each), frames(plain))
    halves = gzip.compress(plain[:360]) + gzip.compress(plain[360:])
    np.testing.assert_array_equal(frames(halves), frames(plain))


@pytest.mark.parametrize(
    "content", [b"", b"n+1", bytes(600), gzip.compress(b"text", mtime=0), b"\x1f\x8b"]
)
def test_others_are_none(content) -> None:
    assert not is_nifti(content)
    with pytest.raises(RefusedFile, match=r"a\.nii"):
        nifti_slices(content, "a.nii")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"dim": [4, 2, 3, 4, 120, 1, 1, 1]}, r"holds 120 volumes over time \(dim\[4\]\); save"),
        ({"dim": [5, 2, 3, 4, 1, 3, 1, 1]}, r"holds 3 values a voxel \(dim\[5\]\)"),
        ({"dim": [3, 2, -3, 4, 1, 1, 1, 1]}, r"dim\[2\] is -3"),
        ({"dim": [9, 2, 3, 4, 1, 1, 1, 1]}, r"dim\[0\] says 9"),
        ({"dim": [3, 32767, 32767, 32767, 1, 1, 1, 1]}, "dim says .* more than"),
        ({"dim": [3, 2, 3, 5, 1, 1, 1, 1]}, "cut off"),
        ({"datatype": 32}, r"datatype is 32 \(complex"),
        ({"datatype": 77}, r"datatype is 77 \(unknown"),
        ({"vox_offset": np.nan}, "vox_offset"),
        ({"vox_offset": 1e9}, "vox_offset"),
    ],
)
def test_what_is_refused_is_named(said, message) -> None:
    with pytest.raises(RefusedFile, match=message) as caught:
        nifti_slices(volume(**said), "a.nii")
    assert str(caught.value).startswith("a.nii: ")


def test_a_bomb_is_inflated_no_further_than_its_header_says() -> None:
    bomb = gzip.compress(volume() + bytes(1 << 26), 1)
    nifti_slices(bomb, "a.nii")  # so that what is made once is made
    tracemalloc.start()
    nifti_slices(bomb, "a.nii")
    assert tracemalloc.get_traced_memory()[1] < 1 << 21
    tracemalloc.stop()


def test_members_of_gzip_without_end_are_refused_soon() -> None:
    with pytest.raises(RefusedFile):
        nifti_slices(gzip.compress(b"") * 1_000_000, "a.nii")


def test_free_texts_and_extensions_stay_out() -> None:
    image = Nifti1Image(VOLUME, RAS)
    image.header["descrip"] = b"PLANTED descrip"
    image.header["aux_file"] = b"PLANTED aux"
    image.header["intent_name"] = b"PLANTED intent"
    image.header["db_name"] = b"PLANTED db"
    image.header.extensions.append(Nifti1Extension("comment", b"PLANTED extension"))
    content = image.to_bytes()
    assert content.count(b"PLANTED") == 5
    made = nifti_slices(content, "PLANTED name").dicom
    assert b"PLANTED" not in made
    assert not is_marked(open_dicom(made, "a.nii"))
    np.testing.assert_array_equal(frames(content), frames(volume()))


def test_its_cleaned_file_has_the_same_frames_and_places() -> None:
    content = volume(scl_slope=0.5, scl_inter=3)
    file = opened(content)
    clean, _ = cleaned(file, SECRET)
    again = open_dicom(clean, "clean")
    assert is_marked(again)
    for at in range(frame_count(file)):
        np.testing.assert_array_equal(frame_values(again, at), frame_values(file, at))
        assert again.header.frame(at) == file.header.frame(at)
    assert nifti_slices(content, "other name").dicom == nifti_slices(content, "a.nii").dicom


WHOLE = (volume(), gzip.compress(volume(), mtime=0), volume(kind=Nifti2Image))


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(WHOLE),
    st.lists(st.tuples(st.integers(0, 600), st.binary(min_size=1, max_size=4)), max_size=4),
    st.none() | st.integers(0, 620),
)
def test_damage_gives_frames_or_is_refused(content, damages, end) -> None:
    damaged = bytearray(content)
    for at, new in damages:
        damaged[at : at + len(new)] = new
    try:
        made = nifti_slices(bytes(damaged[:end]), "a.nii").dicom
    except RefusedFile as error:
        assert str(error).startswith("a.nii: ")
    else:
        file = open_dicom(made, "a.nii")
        for at in range(frame_count(file)):
            frame_values(file, at)
