"""What only a person can say of DICOM files, and whether a listing may hold any."""

from pathlib import PurePosixPath

from sslapp.datasets.dicom_outline import DicomOutline
from sslapp.datasets.pictures.files import NO_PICTURE, SUFFIXES
from sslapp.datasets.pictures.levels import Question
from sslapp.datasets.pictures.listing import Listing
from sslapp.datasets.pictures.reading import FrameChoice, Meaning, Reading, TextChoice
from sslapp.vocabulary import Slices, Thing

OF_TEXT = "screens that were copied, ultrasound, or files that say so"
AGAIN = "the same SOP instance as a file before it"
MAY_SHOW_TEXT = "it may show text that is burned in, such as a name"
HELD_BACK = f"held back until an admin has looked through them, for {MAY_SHOW_TEXT}"


def candidates(listing: Listing) -> list[str]:
    """Files that may be DICOM: all but those that are called pictures.

    Where nothing is called a picture or DICOM, files of other types are tried, too.
    """
    found = [name for name in listing.names if PurePosixPath(name).suffix.lower() not in SUFFIXES]
    return found or ([] if listing.names else refused_by_type(listing))


def refused_by_type(listing: Listing) -> list[str]:
    """Files that were refused by their suffix alone, which may be that of a name."""
    return [each.name for each in listing.refused if each.reason.endswith(NO_PICTURE)]


def check_reading(reading: Reading) -> None:
    """Refuse what a person said of folders and names, which say nothing of DICOM files, and of
    slices where there are none.

    Raises:
        ValueError: naming the options.
    """
    said = {
        "--levels": any(each is not Meaning.NOTHING for each in reading.levels or ()),
        "--test and --pool": reading.splits,
        "--unlabelled": reading.unlabelled,
        "--leave-out": reading.leave_out,
        "--frames": reading.frames is not FrameChoice.FIRST,
        "--group-pattern": reading.group_pattern,
    }
    without = [option for option, is_said in said.items() if is_said]
    if without:
        raise ValueError(
            f"{', '.join(without)}: of DICOM files neither folders nor names are read. Leave it "
            "out; patients are groups, and --thing says what an image is."
        )
    image_of = reading.image_of
    together = image_of.thing in (Thing.STUDY, Thing.PATIENT)
    if together and reading.burned_in is TextChoice.HOLD_BACK:
        raise ValueError(
            f"--burned-in hold-back: an image that is a {image_of.thing} is of several series, and "
            "they are looked through one by one. Say leave-out or take, or --thing series."
        )
    if reading.slices is not None and image_of.thing is not Thing.SERIES:
        raise ValueError("--slices is of series. Say --thing series, or leave it out.")
    if reading.rule is not None and (
        image_of.thing is not Thing.SERIES or image_of.slices is Slices.ONE
    ):
        raise ValueError(
            "--trained-on is of several slices. Say --thing series with --slices three or all, or "
            "leave it out."
        )


def asks_of_text(
    outline: DicomOutline, thing: Thing, burned_in: TextChoice | None
) -> list[Question]:
    """What must be answered of files that may show text."""
    number = outline.with_text[thing]
    if not number or burned_in is not None:
        return []
    together = thing in (Thing.STUDY, Thing.PATIENT)
    what = "Series" if together else "Images"
    held = "" if together else "held back until an admin has looked through them, "
    text = (
        f"{what} that may show text which is burned in, such as a name: {number:,}. They are "
        f"{OF_TEXT}. De-identification cannot see such text. Are they {held}left out, or did you "
        "see that they show nobody's name?"
    )
    return [Question(level=None, about="burned_in", folders=(), text=text)]
