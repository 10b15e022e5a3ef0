"""The export page on real workspaces: what it offers, what it queues, what it lists."""

from pathlib import Path

import pytest
import small_project
from streamlit.testing.v1 import AppTest

from sslapp.store.database import writing
from sslapp.store.schema import job
from sslapp.store.schema import project as project_table
from sslapp.usecases.exporting.exported import exports_of
from sslapp.usecases.exporting.exports import Format, export, export_here
from sslapp.usecases.people.members import grant
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.reviewing import bulk_decisions
from sslapp.vocabulary import JobState, Role, Source


@pytest.fixture
def show(open_app):
    """A function that opens the page on a project of a workspace."""

    def make(access, project_id: int = 1) -> AppTest:
        return open_app(access.workspace.root, "export", project=str(project_id))

    return make


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    kinds = ("caption", "error", "markdown", "code")
    return "\n".join(each.value for kind in kinds for each in page.get(kind))


def test_it_offers_what_there_is_and_shows_its_first_rows(reviewed, show) -> None:
    bulk_decisions.bulk_accept(reviewed, None, [60, 61, 62], unproven=True)
    page = show(reviewed)
    assert page.button(key="export-start").label == "Export 43 labels"
    assert page.pills(key="export-sources").options == [
        "Expert · 40",
        "Adjudicated · 0",
        "Accepted · 3",
    ]
    table, rows = page.dataframe
    assert table.value["Exported"].sum() == 43
    assert rows.value["position"].tolist() == list(range(8))


@pytest.mark.slow
def test_fewer_sources_change_the_counts_the_rows_and_the_job(reviewed, show) -> None:
    bulk_decisions.bulk_accept(reviewed, None, [60, 61, 62], unproven=True)
    page = show(reviewed)
    page.pills(key="export-sources").set_value([Source.ACCEPTED]).run()
    table, rows = page.dataframe
    assert table.value["Exported"].sum() == 3
    assert rows.value["position"].tolist() == [60, 61, 62]
    assert rows.value["round"].tolist() == [1, 1, 1]
    page.segmented_control(key="export-format").set_value(Format.PARQUET).run()
    assert page.button(key="export-start").label == "Export 3 labels"
    press(page, "export-start")
    (line,) = exports_of(reviewed, 1)
    assert (line.format, line.state) == (Format.PARQUET, JobState.QUEUED)
    assert "waits for a worker" in texts(page)
    small_project.run_jobs(reviewed)
    page.run()
    (line,) = exports_of(reviewed, 1)
    assert line.sources == {"accepted": 3}
    assert line.sha256 is not None and line.sha256 in texts(page)
    assert "3 labels from accepted" in texts(page).replace("\\", "")


def test_without_labels_or_sources_nothing_can_be_exported_but_a_report(project, show) -> None:
    page = show(project, create_project(project, "Bare", ["cat", "dog"]))
    assert page.button(key="export-start").disabled
    assert "There is no label to export yet." in texts(page)
    press(page, "export-report")
    (line,) = exports_of(project, 2)
    assert line.format == Format.REPORT


def test_no_source_at_all_offers_nothing(project, show) -> None:
    page = show(project)
    page.pills(key="export-sources").set_value([]).run()
    assert not page.exception
    assert page.button(key="export-start").disabled
    assert "Choose another source" in texts(page)


def test_a_waiting_export_can_be_cancelled(project, show) -> None:
    job_id = export_here(project, None, Format.CSV)
    page = press(show(project), f"export-cancel-{job_id}")
    assert exports_of(project, 1)[0].state == JobState.CANCELLED
    assert "cancelled" in texts(page)


def test_only_what_is_kept_has_a_link_and_a_failure_tells_its_reason(
    project, show, tmp_path: Path
) -> None:
    elsewhere = export(project, None, tmp_path / "labels.csv")
    kept = export_here(project, None, Format.CSV)
    small_project.run_jobs(project)
    failed = export_here(project, None, Format.ZIP)
    with writing(project.engine) as conn:
        values = {"state": JobState.FAILED, "error": "The disk is <b>full</b>."}
        conn.execute(job.update().where(job.c.id == failed).values(values))
    page = show(project)
    links = {each.proto.url for each in page.get("link_button")}
    address = f"/api/{small_project.WORKSPACE}/exports/{kept}"
    assert links == {address, f"{address}/manifest"}
    assert str(elsewhere) not in "".join(links)
    assert "not kept in the workspace" in texts(page)
    assert page.error[0].value == r"The disk is \<b\>full\<\/b\>\."


def test_names_stand_as_they_were_typed(project, show) -> None:
    name = "# <b>x</b> :red[y] [z](javascript:1)"
    with writing(project.engine) as conn:
        conn.execute(project_table.update().values(name=name))
    small_project.finish(project, export_here(project, None, Format.CSV))
    page = show(project)
    assert not page.exception
    assert "<b>x" not in texts(page)


@pytest.mark.slow
def test_an_export_is_deleted_after_it_was_said_what_is_lost(project, show) -> None:
    first = export_here(project, None, Format.CSV)
    second = export_here(project, None, Format.REPORT)
    small_project.run_jobs(project)
    page = show(project)
    said = texts(page).replace("\\", "")
    assert "Delete this export?" in said
    assert "labels.csv" in said and "and its manifest will be gone from the server" in said
    press(page, f"export-delete-yes-{first}")
    assert [each.job_id for each in exports_of(project, 1)] == [second]
    assert f"export-delete-yes-{first}" not in {each.key for each in page.button}
    press(page, f"export-delete-yes-{second}")
    assert "No export yet." in texts(page)


def test_who_may_not_delete_an_export_is_not_offered_it(project, open_app) -> None:
    grant(project, 1, "Ben", Role.READER)
    export_here(project, None, Format.CSV)
    small_project.run_jobs(project)
    page = open_app(project.workspace.root, "export", reader="Ben")
    assert not any((each.key or "").startswith("export-delete") for each in page.button)
