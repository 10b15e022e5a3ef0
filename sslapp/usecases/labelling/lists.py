"""What a list of images and classes can become: labels, hidden true labels, proposals."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from sslapp.datasets.tables.label_list import ListReading
from sslapp.usecases.access import Access
from sslapp.usecases.labelling.label_lists import import_list, plan_list
from sslapp.usecases.labelling.proposal_lists import import_proposals, plan_proposals
from sslapp.usecases.labelling.read_lists import ReadPlan
from sslapp.usecases.labelling.true_lists import import_truth, plan_truth
from sslapp.words import count


class ListUse(StrEnum):
    """What the rows of a list become."""

    LABELS = "labels"
    TRUTH = "truth"
    PROPOSALS = "proposals"


@dataclass(frozen=True, kw_only=True)
class ListChoice:
    """How a list is brought in.

    Attributes:
        use: what its rows become.
        reading: how it is read.
        given_by: of labels: the reader whose they are, where it is another than who asks.
        metadata: of labels: headings of further columns that are kept as metadata.

    Raises:
        ValueError: for metadata of lines that mean several images.
    """

    use: ListUse = ListUse.LABELS
    reading: ListReading = field(default_factory=ListReading)
    given_by: str | None = None
    metadata: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.metadata and self.reading.all_of:
            raise ValueError(
                "Metadata is kept of lines that mean one image. Keep none, or do not have a line "
                "label all images of a patient."
            )


@dataclass(frozen=True)
class Saved:
    """What was brought in.

    Attributes:
        number: how many images got something, or of the round.
        said: that in a sentence.
        job_id: of the job that makes a round of them, if one does.
    """

    number: int
    said: str
    job_id: int | None = None


def plan_as(
    access: Access, project: str | int | None, path: Path, name: str, choice: ListChoice
) -> ReadPlan:
    """What a list would bring. Nothing is changed.

    Args:
        path: the file.
        name: what messages call it.
        choice: what it becomes, and how it is read.

    Raises:
        ValueError: when the file is no list that can be read.
        NotAllowed: when only an admin may bring this.
    """
    reading = replace(choice.reading, predictions=choice.use is ListUse.PROPOSALS)
    about = (access, project, path, name, reading)
    if choice.use is ListUse.TRUTH:
        return plan_truth(*about)
    if choice.use is ListUse.PROPOSALS:
        return plan_proposals(*about)
    return plan_list(*about, given_by=choice.given_by, metadata=choice.metadata)


def import_as(
    access: Access, project: str | int | None, path: Path, name: str, choice: ListChoice
) -> Saved:
    """Bring in a list, all of it or nothing.

    Args:
        path, name, choice: as for `plan_as`.

    Raises:
        ValueError: listing what is wrong with which lines, and the mend.
        NotAllowed: when only an admin may bring this.
    """
    reading = replace(choice.reading, predictions=choice.use is ListUse.PROPOSALS)
    about = (access, project, path, name, reading)
    if choice.use is ListUse.TRUTH:
        number = import_truth(*about)
        return Saved(number, f"{count(number, 'hidden true label')} imported.")
    if choice.use is ListUse.PROPOSALS:
        number, job_id = import_proposals(*about)
        return Saved(number, f"Round {number} is queued, of what {name} proposes.", job_id)
    number = import_list(*about, given_by=choice.given_by, metadata=choice.metadata)
    return Saved(number, f"{count(number, 'label')} imported.")
