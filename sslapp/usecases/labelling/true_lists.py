"""Lists as hidden true labels: for images that came without theirs, before a simulation is scored.

A plan says how many agree and how many differ, and never which: that would tell a class.
"""

from dataclasses import dataclass
from pathlib import Path

from sslapp import durable
from sslapp.datasets.tables.label_list import ListReading
from sslapp.store.database import reading as reading_of
from sslapp.store.database import writing
from sslapp.store.errors import Refused
from sslapp.store.true_labels import AgainstTruth, against_truth, import_true_labels
from sslapp.usecases.access import Access, find_project, require
from sslapp.usecases.labelling.read_lists import ReadPlan, read_list
from sslapp.vocabulary import Role
from sslapp.words import count


@dataclass(frozen=True, kw_only=True)
class TruthPlan(ReadPlan):
    """What a list does as hidden true labels.

    Attributes:
        against: how they stand to those that are here.
    """

    against: AgainstTruth

    @property
    def refused(self) -> bool:
        """Whether nothing would be saved."""
        return bool(self.refusals())

    def refusals(self) -> list[str]:
        """Why nothing would be saved."""
        if self.wrong:
            return super().refusals()
        try:
            self.against.check()
        except Refused as error:
            return [str(error)]
        return []

    def outcome(self) -> list[str]:
        """What would be saved, or why nothing."""
        if self.refused:
            return ["No true label would be saved.", *self.refusals()]
        said = [
            f"{count(self.against.new, 'hidden true label')} for images without one. Simulations "
            "and the final score alone read them; no page shows them."
        ]
        if self.against.same:
            said.append(f"{count(self.against.same, 'true label')} the same here already.")
        return said


def plan_truth(
    access: Access, project: str | int | None, path: Path, name: str, reading: ListReading
) -> TruthPlan:
    """What a list would bring as hidden true labels. Nothing is changed.

    Args:
        path: the file.
        name: what messages call it.
        reading: how it is read.

    Raises:
        NotAllowed: when the reader is no admin of the project.
        ValueError: when the file is no list that can be read.
    """
    with reading_of(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        found = read_list(conn, access.workspace, project_id, path, name, reading)
        against = against_truth(conn, project_id, found.positions, found.class_ids)
    return TruthPlan(file=name, against=against, **found.told())


def import_truth(
    access: Access, project: str | int | None, path: Path, name: str, reading: ListReading
) -> int:
    """Take in the hidden true labels of a list, all or none; return how many were new.

    Raises:
        NotAllowed: when the reader is no admin of the project.
        ValueError: listing what is wrong with which lines, and the mend.
        Refused: when one would change a true label that is here, or none is new.
    """
    with reading_of(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.ADMIN)
        found = read_list(conn, access.workspace, project_id, path, name, reading)
    found.check("true label")
    sha256 = durable.sha256(path)
    with writing(access.engine) as conn:
        require(conn, access, project_id, Role.ADMIN)
        return import_true_labels(
            *(conn, project_id, access.reader_id, found.positions, found.class_ids),
            file=name,
            sha256=sha256,
        )
