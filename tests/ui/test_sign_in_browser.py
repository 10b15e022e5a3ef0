"""Team mode in a real browser, with a provider of its own: who gets in, and how far."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import identity_provider
import pytest
import small_project

from sslapp.store.database import writing
from sslapp.store.people import readers
from sslapp.usecases.access import admit
from sslapp.vocabulary import Role

SECONDS = 1000
pytestmark = pytest.mark.timeout(120)  # several sides of one page, and what they need is started
ROUTE = f"/api/{small_project.WORKSPACE}/projects/1/decisions"
ACCOUNTS = {
    "Ann": {"sub": "1", "email": "Ann@example.org", "email_verified": True},
    "Bob": {"sub": "2", "email": "bob@example.org"},
    # so much that Streamlit has to split the cookie, packed as it is
    "Cat": {"sub": "3", "email": "cat@example.org", "note": random.Random(0).randbytes(3000).hex()},
    "Eve": {"sub": "4", "email": "ann@example.org", "email_verified": False},
}


@pytest.fixture
def team(tmp_path: Path, project, serve) -> Iterator[str]:
    """The address of a server where people sign in; Ann and Cat are members of its project."""
    for name, role in (("ann@example.org", Role.ADMIN), ("cat@example.org", Role.READER)):
        member(project, name, role)
    with identity_provider.provided(ACCOUNTS) as provider:
        file = tmp_path / "secrets.toml"
        file.write_text(identity_provider.secrets_file(provider))
        root = project.workspace.root
        yield serve(root, f"--secrets.files={file}", SSLAPP_ADMINS="Ann@Example.org")


def member(project, name: str, role: Role) -> int:
    who = admit(project.workspace, project.engine, name, server_admin=False)
    with writing(project.engine) as conn:
        readers.grant(conn, 1, who.reader_id, role)
    return who.reader_id


def new_page(browser):
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(30 * SECONDS)
    return page


def sign_in(page, address: str, name: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=name).click()


def test_a_link_to_a_page_survives_signing_in_and_who_signs_out_is_out(team, browser) -> None:
    page = new_page(browser)
    page.goto(f"{team}/export?project=1")
    page.get_by_role("button", name="Sign in").wait_for()
    text = page.inner_text("body")  # tests/pages has the gate of every page
    assert small_project.NAME not in text
    assert "images" not in text.replace("Label a few images", "")
    assert page.get_by_role("link", name="Projects").count() == 0

    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Ann").click()
    page.get_by_role("heading", name="Export", exact=True).wait_for()
    assert page.url == f"{team}/export?project=1"
    assert {each["name"] for each in page.context.cookies()}.isdisjoint({"sslapp_after_sign_in"})

    # the way back to the list of projects is theirs again
    page.goto(team)
    page.get_by_role("heading", name="Projects", exact=True).wait_for()
    page.get_by_text(small_project.NAME).first.wait_for()
    assert page.request.get(f"{team}{ROUTE}").status == 200
    page.get_by_role("button", name=re.compile("ann.*example.org", re.IGNORECASE)).click()
    page.get_by_text("Sign out", exact=True).click()
    page.get_by_role("button", name="Sign in").wait_for()
    assert page.request.get(f"{team}{ROUTE}").status == 401
    page.context.close()


def test_who_may_read_nothing_is_told_why_and_a_cookie_in_pieces_is_put_together(
    team, browser, project
) -> None:
    page = new_page(browser)
    sign_in(page, team, "Bob")
    page.get_by_text("Ask an admin to give").wait_for()
    assert small_project.NAME not in page.inner_text("body")
    assert page.request.get(f"{team}{ROUTE}").status == 403

    bob = member(project, "bob@example.org", Role.READER)
    page.reload()
    page.get_by_text(small_project.NAME).first.wait_for()
    assert page.request.get(f"{team}{ROUTE}").status == 200

    # Streamlit cannot call a cookie back; setting the reader inactive shuts them out all the same
    with writing(project.engine) as conn:
        readers.set_active(conn, bob, False)
    page.reload()
    page.get_by_text("is set inactive on this server").wait_for()
    assert small_project.NAME not in page.inner_text("body")
    assert page.request.get(f"{team}{ROUTE}").status == 403

    page.context.clear_cookies()
    sign_in(page, team, "Cat")
    page.get_by_text(small_project.NAME).first.wait_for()
    assert {"_streamlit_user_1"} < {each["name"] for each in page.context.cookies()}
    assert page.request.get(f"{team}{ROUTE}").status == 200

    page.context.clear_cookies()
    sign_in(page, team, "Eve")
    page.get_by_text("names no verified e-mail address for the account 4").wait_for()
    assert page.request.get(f"{team}{ROUTE}").status == 403
    page.context.close()
