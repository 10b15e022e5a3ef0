"""What goes wrong on the command line is said in a line, with exit status 1."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import small_project
from job_folders import attempt_folder

from sslapp.cli.jobs import wait_for
from sslapp.jobs import queue
from sslapp.store.database import writing
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.reviewing.candidates import propose
from sslapp.usecases.reviewing.checks import audit_candidates
from sslapp.usecases.reviewing.proofs import weigh_candidates
from sslapp.usecases.training.rounds import start_round

CASES = {
    "no project of that name": (("status", "-p", "Cats"), 'no project "Cats"; known: Digits'),
    "name taken": (("init", "Digits"), "Choose another name"),
    "unknown class": (("label", 60, "ten"), 'no class "ten"'),
    "no such image": (("label", 999, 3), "no image 999"),
    "neither position nor file": (("label", "x60", 3), "is not a position"),
    "no such file": (("label", "nothing.csv"), "nothing.csv"),
    "no such event": (("undo", 999), "no event 999"),
    "not a decision": (("undo", 1), "is not a reader's decision"),
    "no round yet": (("candidates",), "No round finished yet"),
    "no such round": (("round", "status", 7), "No round 7"),
    "unknown method": (("round", "start", "--method", "magic"), "choose one of fixmatch"),
    "unknown option": (("round", "start", "-s", "stepz=3"), "stepz"),
    "option out of bounds": (("round", "start", "-s", "tau=7"), "tau"),
    "no equals sign": (("round", "start", "-s", "steps"), '"steps" is not NAME=VALUE'),
    "wrong gear": (
        ("round", "start", "--method", "prototypes", "--gear", "pixels"),
        "does not run in the pixels gear",
    ),
    "no encoded views": (
        ("round", "start", "--method", "fixmatch", "--gear", "features"),
        "Run `sslapp encode`",
    ),
    "no strong view": (("encode", "--strong", 0), "1 to 32 strong"),
    "both positions and threshold": (("accept", 60, "--threshold", 0.5), "Name either"),
    "a threshold of letters": (("accept", "--threshold", "high"), "a number from 0 to 1 with a"),
    "a list and a class": (("label", 60, 3, "--dry-run"), "--dry-run is for a list"),
    "a map without a sign": (("label", "x.csv", "--classes-of", "0"), '"0" is not WRITTEN=CLASS'),
    "neither of them": (("withhold",), "Name either positions or --threshold"),
    "no members": (("next", "--strategy", "disagreement"), "Train the ensemble of heads"),
    "unknown strategy": (("next", "--strategy", "luck"), 'no strategy "luck"'),
    "unknown ending": (("export", "labels.doc"), "end it in .csv, .xlsx or .parquet"),
    "no such backup": (("restore", "nothing.tar"), "is not empty"),
}


@pytest.mark.parametrize("case", CASES)
def test_an_error_is_one_line_with_the_mend(case, unchanged, refusal) -> None:
    words, expected = CASES[case]
    message = refusal(unchanged, *words)
    assert expected in message
    assert "\n" not in message


def test_a_share_is_a_number_from_0_to_1_wherever_one_is_asked_for(
    project, command, refusal
) -> None:
    root = project.workspace.root
    for value in ("1,0", "0,95", "-5", "nan", "95", "1.5", "0.9,0.8", "0.9,cat=2", "inf", ""):
        message = refusal(root, "accept", f"--threshold={value}")
        assert message.startswith(f'--threshold: "{value}". A threshold is a number from 0 to 1')
    for *before, option in (
        ("audit", "open", "--threshold"),
        ("audit", "weigh", "--threshold"),
        ("audit", "open", "--target"),
        ("candidates", "--coverage"),
        ("predict", "model", "folder", "--to", "x.csv", "--threshold"),
    ):
        for value in ("0,95", "-5", "nan"):
            result = command(root, *before, f"{option}={value}")
            assert result.exit_code == 2
            said = " ".join(result.stderr.replace("│", " ").split())
            assert f'"{value}" is not a number from 0 to 1 with a point, such as 0.95.' in said
    for number in (-5, float("nan"), 95):
        for ask in (propose, audit_candidates, weigh_candidates):
            with pytest.raises(ValueError, match="is not a number from 0 to 1"):
                ask(project, 1, threshold=number)
        with pytest.raises(ValueError, match="is not a number from 0 to 1"):
            propose(project, 1, per_class={"3": number})


def test_a_wrong_csv_saves_nothing_and_names_every_wrong_line(project, refusal, tmp_path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("position,class\n60,3\n61,Ctas\n999,3\n60,4\n")
    before = len(small_project.log(project))
    lines = refusal(project.workspace.root, "label", path).splitlines()
    assert lines[0] == "No label was saved."
    assert [line.partition(":")[0] for line in lines[1:]] == [
        f"labels.csv line {number}" for number in (3, 4, 5)
    ]
    assert 'class "Ctas" is not one of 0, 1, 2' in lines[1]
    assert len(small_project.log(project)) == before


def test_a_stranger_is_refused(project, command) -> None:
    result = command(project.workspace.root, "label", 60, 3, reader="Eve")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Eve is not a member in this project" in result.stderr


def test_a_failed_job_ends_the_command_with_its_reason(project, refusal) -> None:
    with writing(project.engine) as conn:  # a job that fails, and has
        job_id = queue.enqueue(conn, 1, "import", {})
        values = {"state": "failed", "error": "Embed the images first."}
        conn.execute(queue.job.update().where(queue.job.c.id == job_id).values(values))
    with pytest.raises(ValueError, match=f"Job {job_id} failed. Embed the images first."):
        wait_for(project, job_id)


def test_a_damaged_history_is_told_with_exit_status_1(project, command) -> None:
    from sqlalchemy import text

    with project.engine.begin() as conn:
        names = conn.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        for (name,) in names.all():
            conn.execute(text(f"DROP TRIGGER {name}"))
        conn.execute(text("UPDATE event SET key = 'another' WHERE number = 20"))
    result = command(project.workspace.root, "verify")
    assert result.exit_code == 1
    assert "Event 20 was changed" in result.stdout


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_waiting_for_a_job_whose_worker_died_starts_another(project, tmp_path) -> None:
    root = project.workspace.root
    source = str(small_project.write_more(tmp_path / "more.npz"))
    with writing(project.engine) as conn:  # left by a worker that died
        lost = queue.enqueue(conn, 1, "import", {})
        dead = {"state": "running", "attempt": 1, "pid": 2**22 - 1, "host": os.uname().nodename}
        values = {**dead, "beat": queue.now(), "params": _import_params(source)}
        conn.execute(queue.job.update().where(queue.job.c.id == lost).values(values))
    assert wait_for(project, lost)["images"] == 160
    assert list((root / "workers").glob("*.lock"))


def _import_params(source: str) -> dict:
    return {"source": source, "root": "", "download": False, "group_pattern": None}


def _stages(project) -> Iterator[Path]:
    return attempt_folder(project.workspace, project.engine, 3).glob("stages/*/*")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_wait_that_ends_in_a_refusal_to_resume_says_why(project, launcher) -> None:
    start_round(project, None, config={**small_project.TINY, "steps": 30})
    killed = launcher.start(project.workspace.root, ("worker", "--until-idle", "--threads", "1"))
    until = time.monotonic() + 60
    while not list(_stages(project)):
        assert time.monotonic() < until
        time.sleep(0.01)
    os.kill(killed, signal.SIGKILL)
    launcher.wait()
    _plan_for_another_machine(project)
    refuses = pytest.raises(ValueError, match="cannot be resumed exactly here")
    with launcher.working(project.workspace.root), refuses as caught:
        wait_for(project, 3)
    assert "processor" in str(caught.value)


def _plan_for_another_machine(access) -> None:
    from sslapp.store.schema import round_

    with writing(access.engine) as conn:
        plan = conn.execute(round_.select()).one().plan
        conn.execute(round_.update().values(plan={**plan, "processor": "Another"}))


def test_jobs_can_be_left_to_a_worker(project, ask, tmp_path) -> None:
    root = project.workspace.root
    source = small_project.write_more(tmp_path / "more.npz")
    queued = [ask(root, "import", source, "--no-wait"), ask(root, "embed", "--no-wait")]
    queued.append(ask(root, "export", tmp_path / "labels.csv", "--no-wait"))
    small_project.run_jobs(project)
    jobs = {job["id"]: job["state"] for job in ask(root, "status")["jobs"]}
    assert {jobs[each["job_id"]] for each in queued} == {"done"}
    assert (tmp_path / "labels.csv").exists()


@pytest.mark.slow
def test_with_two_projects_one_must_be_named(project, ask, refusal) -> None:
    other = create_project(project, "Other", ["a", "b"])
    assert "Say which project; known: Digits, Other" in refusal(project.workspace.root, "status")
    assert ask(project.workspace.root, "status", "-p", "Other")["project"] == "Other"
    import_images(project, other, "digits")
    assert ask(project.workspace.root, "status", "-p", "Digits")["counts"]["images"] == 160
