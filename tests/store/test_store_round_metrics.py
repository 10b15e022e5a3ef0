"""What rounds reported comes back as curves by step, each under its own name."""

from sqlalchemy import insert

from sslapp.store import reports
from sslapp.store.database import reading, writing
from sslapp.store.schema import round_metric
from sslapp.usecases.training.rounds import start_round

REPORTED = [
    (20, "loss", 0.5),
    (10, "loss", 0.75),
    (10, "seconds", 1.0),
    (20, "class_s/0", 3.0),
    (20, "classXs/0", 4.0),
]


def report(access) -> None:
    start_round(access, None, method="label-propagation")
    start_round(access, None, method="label-propagation")
    rows = [{"round_id": 1, "step": s, "name": n, "value": v} for s, n, v in REPORTED]
    with writing(access.engine) as conn:
        conn.execute(insert(round_metric), rows)


def test_curves_are_by_step_and_only_of_the_rounds_asked_for(project) -> None:
    report(project)
    with reading(project.engine) as conn:
        both = reports.curves(conn, [1, 2])
        assert both[1]["loss"] == [(10, 0.75), (20, 0.5)]
        assert both[2] == {}
        assert reports.curves(conn, [2]) == {2: {}}
        left = reports.curves(conn, [1], without=["class_s/"])[1]
    assert list(left) == ["loss", "seconds", "classXs/0"], "and no wildcard in what is left out"


def test_the_newest_report_is_that_of_the_last_step(project) -> None:
    report(project)
    with reading(project.engine) as conn:
        found = reports.newest_report(conn, 1)
        assert found == {"loss": 0.5, "class_s/0": 3.0, "classXs/0": 4.0}
        assert reports.newest_report(conn, 2) == {}
        assert reports.last_steps(conn, 1, "loss") == {1: 20}
        assert reports.last_steps(conn, 1, "seconds") == {1: 10}
