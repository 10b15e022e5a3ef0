"""The demo's tour follows what is done in the project, and no other project has one."""

import numpy as np
from sqlalchemy import update

from sslapp.store.database import writing
from sslapp.store.schema import project
from sslapp.usecases.projects.tour import DEMO, tour
from sslapp.usecases.reviewing.bulk_decisions import bulk_label


def test_the_tour_is_the_demos_alone_and_follows_its_events(reviewed) -> None:
    assert tour(reviewed, 1) == ()
    with writing(reviewed.engine) as conn:
        conn.execute(update(project).values(name=DEMO))
    steps = tour(reviewed, 1)
    assert [each.page for each in steps] == ["label", "train", "review", "audit", "export"]
    assert [each.done for each in steps] == [True, True, False, False, False]
    bulk_label(reviewed, None, np.array([60]), "3")
    assert [each.done for each in tour(reviewed, 1)] == [True, True, True, False, False]
