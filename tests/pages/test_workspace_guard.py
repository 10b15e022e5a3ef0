"""What a browser sends that had another workspace's page open is taken by no page."""

import shutil
from pathlib import Path

import pytest

from sslapp.ui.common.access import MARK

PAGES = sorted((Path(__file__).parents[2] / "pages").glob("*.py"))


@pytest.mark.parametrize("name", [each.stem for each in PAGES])
def test_no_page_goes_on_when_the_browser_was_on_another_workspace(name, open_app, project) -> None:
    page = open_app(project.workspace.root, name)
    assert page.text_input(key=MARK).value == project.workspace_id
    page.session_state[MARK] = "0" * 32
    page.run()
    assert not page.exception
    assert [each.value for each in page.title] == ["Another workspace"]
    assert "This page belongs to another workspace" in page.markdown[-1].value
    assert not page.get("bidi_component") and not page.button


def test_a_database_that_is_replaced_under_the_server_ends_the_page(open_app, project) -> None:
    page = open_app(project.workspace.root)
    database = project.workspace.root / "sslapp.db"
    database.rename(database.with_name("away.db"))
    shutil.copy(database.with_name("away.db"), database)
    page.run()
    assert not page.exception
    assert [each.value for each in page.title] == ["The database is gone"]
    assert "deleted or replaced while it was open" in page.markdown[-1].value
