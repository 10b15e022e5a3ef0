"""Accuracy by group: a round on the images that it is judged on, by a column of metadata."""

from dataclasses import dataclass

import numpy as np

from sslapp.store.database import reading
from sslapp.usecases.access import Access, require
from sslapp.usecases.comparing.comparison import Compared, Measure, Score
from sslapp.usecases.images.metadata import groups_in
from sslapp.words import count

FEWEST = 5
"""Judged images that a group of its own has at least; smaller ones are told together."""


@dataclass(frozen=True)
class GroupScore:
    """A group by its name, and how many of its judged images were predicted right."""

    name: str
    score: Score


def score_by_group(
    access: Access, project_id: int, found: Compared, measure: Measure, column: str
) -> list[GroupScore]:
    """Score the groups of a column that have judged images, in their order, small ones last.

    Args:
        found: a round, judged on `measure`.
        column: of the project's metadata.
    """
    positions, _ = found.truth[measure]
    with reading(access.engine) as conn:
        require(conn, access, project_id)
        groups = groups_in(conn, project_id, column, len(found.predicted))
    codes, size = groups.codes[positions], len(groups.names)
    judged = np.bincount(codes, minlength=size)
    right = np.bincount(codes[found.right(measure)], minlength=size)
    order = [*range(1, size), 0]  # those without a value after those with one
    large = [code for code in order if judged[code] >= FEWEST]
    small = [code for code in order if 0 < judged[code] < FEWEST]
    scores = [
        GroupScore(groups.names[code], Score(int(right[code]), int(judged[code]))) for code in large
    ]
    if small:
        together = Score(int(right[small].sum()), int(judged[small].sum()))
        name = f"{count(len(small), 'group')} of fewer than {FEWEST} images"
        scores.append(GroupScore(name, together))
    return scores
