"""The small answer that tells a page whether running work has moved."""

import small_project

from sslapp.usecases.training.progress import live_jobs
from sslapp.usecases.training.rounds import start_round

PROJECTS = f"/api/{small_project.WORKSPACE}/projects"


def test_it_tells_the_stamp_of_the_work_and_nothing_else(client, project) -> None:
    before = client.get(f"{PROJECTS}/1/progress-stamp")
    assert before.json() == {"stamp": live_jobs(project, 1).stamp}
    assert len(before.content) < 100
    assert before.headers["Cache-Control"] == "no-store"
    start_round(project, None, method="supervised")
    after = client.get(f"{PROJECTS}/1/progress-stamp").json()
    assert after == {"stamp": live_jobs(project, 1).stamp} != before.json()


def test_of_a_project_that_is_not_the_reader_s_it_tells_nothing(client, project) -> None:
    assert client.get(f"{PROJECTS}/99/progress-stamp").status_code in (403, 404)
