"""The words that several rooms share, as enumerations.

They stand at the bottom of the house because a label's source or a training gear means the same
thing to the database, to a method and to a page, and none of those may import another.
"""

from enum import IntEnum, StrEnum
from typing import NamedTuple


class Source(IntEnum):
    """Where an image's current label comes from; the codes are stored in arrays."""

    NONE = 0
    EXPERT = 1
    ADJUDICATED = 2
    ACCEPTED = 3


class Gear(StrEnum):
    """What a round trains: the whole network on pixels, or a head on frozen features."""

    PIXELS = "pixels"
    FEATURES = "features"


class CalibratedOn(StrEnum):
    """Whose labels a round was calibrated on, all by fits that were not taught them."""

    HOLDOUT = "holdout"
    FOLDS = "folds"  # cross-fitting on the experts' labels
    THIRDS = "thirds"  # the same by three further trainings, where one takes minutes
    THIRD = "third"  # a third of them, by a second training without it
    NOTHING = "nothing"


class ScalingKind(StrEnum):
    """Which map, other than a temperature, calibrates a round's confidence."""

    VECTOR = "vector"
    ISOTONIC = "isotonic"


class Space(StrEnum):
    """Whose features say which images lie near each other."""

    ROUND = "round"  # of the model that a round trained
    ENCODER = "encoder"  # of the frozen encoder


class Projection(StrEnum):
    """How a map's two coordinates come from features."""

    PCA = "pca"
    UMAP = "umap"


class Intensities(StrEnum):
    """Which values of an image of more than 8 bits a sample become black and white."""

    IMAGE = "image"  # its own .5 and 99.5 percentiles
    SET = "set"  # those of a sample of the first import, frozen
    EXTREMES = "extremes"  # its least and greatest; colours keep their upper bits


class Thing(StrEnum):
    """What of DICOM files one thing to label is, and so an image of the project."""

    INSTANCE = "instance"  # a file; of one with several frames the middle one is seen
    FRAME = "frame"  # each frame of each file
    SERIES = "series"  # the slices that `Slices` says
    STUDY = "study"  # its pictures side by side, of a stack of slices the middle one
    PATIENT = "patient"  # likewise, of all studies


class Slices(StrEnum):
    """Which slices of a series are kept, and seen one after another."""

    ONE = "one"  # in the middle
    THREE = "three"  # at a quarter, in the middle, at three quarters
    ALL = "all"


class StackRule(StrEnum):
    """What networks and encoders see of a stack of slices that is one image."""

    MIDDLE = "middle"  # the slice in the middle
    THREE = "three"  # slices at a quarter, half and three quarters as red, green and blue
    MAXIMUM = "maximum"  # the brightest of all slices in each place


class ImageOf(NamedTuple):
    """What of DICOM files an image of a project is.

    Attributes:
        thing: the thing to label.
        slices, rule: of a series; of other things nothing.
    """

    thing: Thing = Thing.INSTANCE
    slices: Slices = Slices.ONE
    rule: StackRule = StackRule.MIDDLE

    @property
    def bundles(self) -> bool:
        """Whether an image may be several pictures."""
        stacks = self.thing is Thing.SERIES and self.slices is not Slices.ONE
        return stacks or self.thing in (Thing.STUDY, Thing.PATIENT)


class Aspect(StrEnum):
    """How an image that is no square becomes one in the training store."""

    PAD = "pad"  # whole, with black borders
    STRETCH = "stretch"
    CROP = "crop"  # its centre


class Split(StrEnum):
    """The part of an imported set an image belongs to; test images are in no pool."""

    POOL = "pool"
    TEST = "test"


class MetadataKind(StrEnum):
    """What the values of a column of metadata are, all of them."""

    TEXT = "text"
    NUMBER = "number"


class Role(StrEnum):
    """What a reader may do in a project; each role includes the ones before it."""

    READER = "reader"
    ADJUDICATOR = "adjudicator"
    ADMIN = "admin"


class EventKind(StrEnum):
    """One immutable decision or fact in a project's event log."""

    LABEL = "label"
    ADJUDICATE = "adjudicate"
    UNSURE = "unsure"
    NONE = "none"
    SKIP = "skip"
    FLAG = "flag"
    ACCEPT = "accept"
    REJECT = "reject"
    RELABEL = "relabel"
    WITHHOLD = "withhold"
    BULK_ACCEPT = "bulk_accept"
    BULK_WITHHOLD = "bulk_withhold"
    BULK_RELABEL = "bulk_relabel"
    BULK_LABEL = "bulk_label"
    UNDO = "undo"
    IMPORT_EXPERT = "import_expert"
    IMPORT_ADJUDICATED = "import_adjudicated"
    IMPORT_ACCEPTED = "import_accepted"
    IMPORT_NONE = "import_none"
    AUDIT_OPEN = "audit_open"
    AUDIT_LABEL = "audit_label"
    AUDIT_UNSURE = "audit_unsure"
    AUDIT_NONE = "audit_none"
    AUDIT_REPEAT = "audit_repeat"
    DRAW_HOLDOUT = "draw_holdout"
    IMPORT = "import"
    WITHDRAW_IMPORT = "withdraw_import"
    ADD_CLASS = "add_class"
    EDIT_CLASS = "edit_class"
    RETIRE_CLASS = "retire_class"
    IMPORT_METADATA = "import_metadata"
    SHOW_METADATA = "show_metadata"
    REMOVE_METADATA = "remove_metadata"
    UNDO_METADATA = "undo_metadata"
    IMPORT_TRUTH = "import_truth"
    SIBLING = "sibling"
    SETTINGS = "settings"
    SNAPSHOT = "snapshot"
    ROUND_START = "round_start"
    ROUND_DONE = "round_done"
    EXPORT = "export"
    DELETE_PROJECT = "delete_project"


class Sight(StrEnum):
    """What a reader saw beside an image while deciding about it; kept as `sight` in a payload."""

    NOTHING = "nothing"
    SUGGESTION = "suggestion"  # a prediction, or what its members say
    GRID = "grid"  # many images at once


class Purpose(StrEnum):
    """Why a reader has an image before them; a lease is held for one of these."""

    LABEL = "label"
    REVIEW = "review"


class JobState(StrEnum):
    """A job's life: queued, running, then done, failed or cancelled; reclaim queues it again."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class FailureKind(StrEnum):
    """Failures of a job that a reader may decide about; the reason says in words what it was.

    INEXACT: the work could go on here only with other rounding than it was planned with.
    """

    INEXACT = "inexact"


class JobKind(StrEnum):
    """The long pieces of work."""

    LOOK = "look"
    IMPORT = "import"
    SIBLING = "sibling"
    PIXELS = "pixels"
    EMBED = "embed"
    ROUND = "round"
    TRIAL = "trial"
    EXPORT = "export"
    WEIGHTS = "weights"
    MAP = "map"
    FINDING = "finding"
    REMOVAL = "removal"

    @property
    def light(self) -> bool:
        """Whether somebody waits for it who shall not wait for a round: a worker of its own takes
        it while another job runs. It needs little memory, and torch for some known sets alone."""
        return self is JobKind.LOOK

    @property
    def outlives_its_project(self) -> bool:
        """Whether it ends well in a project that was deleted; others are cancelled with it."""
        return self is JobKind.REMOVAL

    @property
    def tried_again(self) -> bool:
        """Whether it is tried again by itself when it has failed: nobody may cancel or resume it,
        and what it has not done stays."""
        return self is JobKind.REMOVAL


class Finding(StrEnum):
    """What may be wrong or odd about images, and is looked for."""

    SUSPICIOUS = "suspicious"  # labels
    DUPLICATES = "duplicates"  # images that show the same
    OUTLIERS = "outliers"  # images unlike everything that is labelled
    DISAGREE = "disagree"  # two rounds give them different classes
