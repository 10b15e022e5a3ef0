"""The card of what is held back: for admins alone, a series at a time."""

import pytest
import small_project
from burned_in import ultrasounds
from streamlit.testing.v1 import AppTest

from sslapp.datasets.pictures.reading import Reading, TextChoice
from sslapp.usecases.access import enter
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.images.incoming.quarantine import screening
from sslapp.usecases.images.incoming.quarantine.looking_through import held_series
from sslapp.usecases.people.members import grant
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.vocabulary import Role
from sslapp.workspace import Workspace


@pytest.fixture
def access(tmp_path, monkeypatch):
    """A project from which two series of three images are held back."""
    monkeypatch.setattr(screening, "is_installed", lambda: False)
    made = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    create_project(made, "Ward", ["normal", "other"])
    folder = ultrasounds(tmp_path / "in")
    back = Reading(burned_in=TextChoice.HOLD_BACK)
    small_project.finish(made, import_images(made, None, str(folder), reading=back))
    yield made
    made.engine.dispose()


def headings(page: AppTest) -> list[str]:
    return [each.value for each in page.subheader]


def test_a_series_is_taken_as_it_is_and_the_other_discarded(access, open_app) -> None:
    first, second = held_series(access, None)
    page = open_app(access.workspace.root)
    assert "Held back: 6 images of 2 series" in headings(page)
    assert "you saw that they show nobody's name" in " ".join(each.value for each in page.caption)
    assert page.button(key=f"held-{first.series}-black").disabled
    page.button(key=f"held-{first.series}-take").click().run()
    assert not page.exception
    assert "Held back: 3 images of 1 series" in headings(page)
    small_project.run_jobs(access)
    assert status(access).counts["images"] == 3
    page.button(key=f"held-{second.series}-discard").click().run()
    assert not page.exception
    assert not [each for each in headings(page) if each.startswith("Held back")]
    small_project.run_jobs(access)
    assert status(access).counts["images"] == 3


def test_who_is_no_admin_sees_nothing_of_it(access, open_app) -> None:
    grant(access, None, "Bo", Role.ADJUDICATOR)
    page = open_app(access.workspace.root, reader="Bo")
    assert not [each for each in headings(page) if each.startswith("Held back")]


def test_a_plan_may_bring_nothing_but_what_is_held_back(access, tmp_path, open_app) -> None:
    from sslapp.usecases.images.incoming.looking import start_look
    from sslapp.usecases.images.incoming.origin import Origin
    from sslapp.usecases.images.incoming.plan import TextChoice as Choice

    look = start_look(access, 1, Origin(source=str(tmp_path / "in")))
    small_project.run_jobs(access)
    page = open_app(access.workspace.root)
    assert page.button(key=f"plan-{look}-import").disabled
    page.radio(key=f"plan-{look}-text").set_value(Choice.HOLD_BACK).run()
    button = page.button(key=f"plan-{look}-import")
    assert (button.label, button.disabled) == ("Hold back 6 images", False)
