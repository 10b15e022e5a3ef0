"""Accuracy by group is that of the stored predictions on the group's judged images."""

import numpy as np
import pytest
import small_project

from sslapp.store.database import writing
from sslapp.store.metadata.values import import_values
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.comparing.comparison import Measure, read_comparison
from sslapp.usecases.comparing.groups import FEWEST, score_by_group

FIRST = small_project.POOL


def test_groups_are_scored_apart_and_small_ones_together(reviewed) -> None:
    # of the 40 test images 20 of site A, 13 of B, three of C, two of D and two without a site
    sites = ["A"] * 20 + ["B"] * 13 + ["C"] * 3 + ["D"] * 2
    found = {"site": {FIRST + row: site for row, site in enumerate(sites)}}
    found["site"] |= dict.fromkeys(range(FIRST), "A")  # those are judged by nobody
    with writing(reviewed.engine) as conn:
        import_values(conn, 1, reviewed.reader_id, found, file="list.csv", sha256="")
    compared = read_comparison(reviewed, 1, [1]).of(1)
    scores = score_by_group(reviewed, 1, compared, Measure.TEST, "site")
    right = small_project.published(reviewed)[0].argmax(axis=1) == small_project.true_columns(
        reviewed
    )
    parts = {"A": slice(0, 20), "B": slice(20, 33), f"3 groups of fewer than {FEWEST} images": None}
    assert [each.name for each in scores] == [*parts]
    for each in scores:
        part = parts[each.name]
        rows = np.arange(33, 40) if part is None else np.arange(40)[part]
        assert (each.score.right, each.score.judged) == (right[FIRST + rows].sum(), len(rows))


def test_who_is_no_member_learns_nothing(reviewed) -> None:
    compared = read_comparison(reviewed, 1, [1]).of(1)
    bo = enter(reviewed.workspace, "Bo")
    with pytest.raises(NotAllowed):
        score_by_group(bo, 1, compared, Measure.TEST, "site")
    bo.engine.dispose()
