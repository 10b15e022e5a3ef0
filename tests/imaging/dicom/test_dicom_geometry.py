"""Slices in the order of the body, with their gaps and scouts."""

import random

import numpy as np
from dicom_files import data_set, item, written

from sslapp.imaging.dicom.geometry import Slice, in_order, slices_of
from sslapp.imaging.dicom.opening import open_dicom

AXIAL = (1.0, 0, 0, 0, 1.0, 0)
CORONAL = (1.0, 0, 0, 0, 0, -1.0)
TILTED = (1.0, 0, 0, 0, 0.9397, 0.3420)  # a gantry of 20 degrees


def test_slices_are_sorted_along_the_normal_whatever_their_numbers_say() -> None:
    places = [5.0 * at for at in range(12)]
    slices = [Slice((0, 0, z), AXIAL, 100 - at) for at, z in enumerate(places)]
    random.Random(0).shuffle(slices)
    found = in_order(slices)
    assert [slices[at].position[2] for at in found.order] == places
    assert (found.places, found.gaps, found.scouts, found.note) == (tuple(places), (), (), "")


def test_a_tilted_stack_is_sorted_by_its_own_normal() -> None:
    """The table moves along z; along the normal slices are cos 20 degrees nearer."""
    slices = [Slice((0, 0, 10.0 * at), TILTED, at) for at in (2, 0, 1)]
    found = in_order(slices)
    assert found.order == (1, 2, 0)
    np.testing.assert_allclose(np.diff(found.places), 9.397, atol=1e-3)


def test_gaps_and_scouts_are_named() -> None:
    slices = [Slice((0, 0, z), AXIAL, None) for z in (0.0, 1, 2, 5, 6)]
    slices += [Slice((0, 0, 0), CORONAL, 9), Slice((0, 0, 3), AXIAL, 8, is_scout=True)]
    found = in_order(slices)
    assert found.order == (0, 1, 2, 3, 4)
    assert found.gaps == ((2, 3),)
    assert found.scouts == (5, 6)


def test_a_series_of_scouts_alone_is_a_series() -> None:
    slices = [Slice((0, 0, z), AXIAL, None, is_scout=True) for z in (3.0, 1.0)]
    assert in_order(slices).order == (1, 0)


def test_without_positions_numbers_decide_and_that_is_said() -> None:
    slices = [Slice(None, None, number) for number in (3, 1, None, 2)]
    found = in_order(slices)
    assert found.order == (1, 3, 0, 2)
    assert found.note == "ordered by instance number, because some say no position"
    same = [Slice((0, 0, 0), AXIAL, number) for number in (2, 1)]
    assert in_order(same).note == "ordered by instance number, because all lie in one place"
    assert in_order(same).order == (1, 0)
    assert in_order([Slice(None, None, 5)]).note == ""
    assert in_order([]).order == ()


def test_frames_of_an_enhanced_file_lie_where_their_groups_say() -> None:
    made = data_set(np.zeros((3, 2, 2), np.uint16), ImageOrientationPatient=list(map(str, AXIAL)))
    groups = item(PlanePositionSequence=item(ImagePositionPatient=["0", "0", "7"]))
    for z in ("3", "5"):
        groups += item(PlanePositionSequence=item(ImagePositionPatient=["0", "0", z]))
    made.PerFrameFunctionalGroupsSequence = groups
    found = in_order(slices_of(open_dicom(written(made), "a.dcm").header))
    assert (found.order, found.places) == ((1, 2, 0), (3.0, 5.0, 7.0))


def test_a_localizer_says_so_in_its_header() -> None:
    made = data_set(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], InstanceNumber="4")
    (only,) = slices_of(open_dicom(written(made), "a.dcm").header)
    assert only == Slice(None, None, 4, is_scout=True)
