"""What a plugin's round has found is shown, told and taken out without the plugin."""

from pathlib import Path

import pytest
import small_project
from own_methods import write_plugin

from sslapp.methods.plugin import read_plugin
from sslapp.store.database import reading
from sslapp.usecases.access import Access
from sslapp.usecases.comparing.comparison import read_comparison
from sslapp.usecases.exporting.model_card import model_card
from sslapp.usecases.exporting.models import export_model
from sslapp.usecases.jobs import job_status
from sslapp.usecases.reporting.page import render
from sslapp.usecases.reporting.report import gather
from sslapp.usecases.training.history import detail
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import JobState


@pytest.fixture(scope="module")
def without_file(prepared, tmp_path_factory) -> Path:
    """A closed workspace with a plugin's finished round, whose file is gone."""
    folder = tmp_path_factory.mktemp("own")
    access = small_project.copy(prepared, folder / "workspace")
    path = write_plugin(folder)
    plugin = read_plugin(path)
    start_round(access, None, plugin=plugin)
    small_project.run_jobs(access)
    small_project.published(access)
    path.unlink()
    access.engine.dispose()
    return folder / "workspace"


@pytest.fixture
def access(open_copy, without_file) -> Access:
    return open_copy(without_file)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected"),
    [("train", "own-mean (features)"), ("compare", "own-mean (features)"), ("review", "own-mean")],
)
def test_every_page_that_names_methods_calls_it_by_its_name(access, open_app, name, expected):
    page = open_app(access.workspace.root, name)
    tables = [each.value.to_string() for each in page.dataframe]
    chosen = [str(each.options) for each in page.selectbox]
    assert expected in "\n".join([*tables, *chosen])


def test_its_details_name_the_file_and_what_of_its_options_was_given(access):
    found = detail(access, 1, 1)
    assert found.plugin.startswith("own_mean.py, sha256 ")
    assert found.changed == {"lean": 1.0}
    assert "plugin" not in found.environment


def test_it_is_compared_reported_and_taken_out(access, tmp_path):
    (one,) = read_comparison(access, 1, [1]).rounds
    assert one.round.method == "own-mean"
    assert "Method: own-mean (`own-mean`)" in model_card(access, None, 1)
    with reading(access.engine) as conn:
        report = gather(conn, access.workspace, 1)
    assert "own-mean (features)" in render(report)
    job = export_model(access, None, 1, tmp_path / "model.zip")
    small_project.run_jobs(access)
    done = job_status(access, job)
    assert done["state"] == JobState.DONE, done["error"]
