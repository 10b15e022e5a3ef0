"""A round whose method stands in a file: it runs what it was started with, or nothing."""

import pytest
import small_project
from own_methods import FILE, write_plugin

from sslapp.methods.plugin import read_plugin
from sslapp.store import rounds
from sslapp.store.database import reading, writing
from sslapp.usecases.training.rounds import resume_round, round_status, start_round
from sslapp.vocabulary import EventKind


@pytest.fixture
def plugin(tmp_path):
    return read_plugin(write_plugin(tmp_path))


def test_path_and_hash_stand_in_the_plan_and_the_hash_in_the_log(project, plugin):
    start_round(project, None, plugin=plugin, config={"lean": 2})
    queued = round_status(project, None)
    assert queued["plan"] == {"plugin": {"path": str(plugin.path), "sha256": plugin.sha256}}
    started = [e for e in small_project.log(project) if e.kind == EventKind.ROUND_START]
    assert started[-1].payload["plugin_sha256"] == plugin.sha256
    small_project.run_jobs(project)
    done = round_status(project, None)
    assert (done["state"], done["method"], done["config"]) == ("done", "own-mean", {"lean": 2})
    assert done["plan"]["plugin"] == queued["plan"]["plugin"]
    assert done["plan"]["threads"] == 1
    assert done["metrics"]["holdout_accuracy"] >= 0.5


def test_a_changed_file_is_not_run_and_the_restored_one_is(project, plugin):
    start_round(project, None, plugin=plugin)
    plugin.path.write_text(f"{FILE}\n1 / 0\n", encoding="utf-8")
    small_project.run_jobs(project)
    failed = round_status(project, None)
    assert failed["state"] == "failed"
    assert f"{plugin.path} was changed after the round was started" in failed["error"]
    plugin.path.unlink()
    resume_round(project, None)
    small_project.run_jobs(project)
    gone = round_status(project, None)["error"]
    assert f"{plugin.path} cannot be read: No such file or directory. Put it back" in gone
    write_plugin(plugin.path.parent)
    resume_round(project, None)
    small_project.run_jobs(project)
    assert round_status(project, None)["state"] == "done"


def test_until_it_begins_it_holds_no_pixels(project, plugin):
    start_round(project, None, plugin=plugin)
    with writing(project.engine) as conn:
        assert rounds.keep_pixels(conn, 1, ["jobs/one/pixels.npy"]) == set()
    with reading(project.engine) as conn:
        assert rounds.find_round(conn, 1).plan.keys() == {"plugin"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fixmatch", r'own_mean\.py holds the method "own-mean"\. Name that instead of "fixm'),
        ("nothing", r'own_mean\.py holds the method "own-mean"'),
    ],
)
def test_another_method_than_the_files_is_refused(project, plugin, name, expected):
    with pytest.raises(ValueError, match=expected):
        start_round(project, None, method=name, plugin=plugin)


def test_a_method_whose_package_is_gone_fails_with_the_mend(project):
    start_round(project, None, method="supervised", config={"steps": 2})
    with writing(project.engine) as conn:
        rounds.change_round(conn, 1, {"method": "own-mean"})
    small_project.run_jobs(project)
    failed = round_status(project, None)
    assert failed["state"] == "failed"
    assert 'There is no method "own-mean" here. Install its package' in failed["error"]
