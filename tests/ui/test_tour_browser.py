"""The demo's tour in a real browser: it names the next step, and Escape hides it for ever."""

from playwright.sync_api import expect
from sqlalchemy import update

from sslapp.store.database import writing
from sslapp.store.schema import project as project_table
from sslapp.usecases.projects.tour import DEMO


def test_the_card_names_the_next_step_and_escape_hides_it_for_ever(project, serve, browser) -> None:
    with writing(project.engine) as conn:
        conn.execute(update(project_table).values(name=DEMO))
    address = serve(project.workspace.root)
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(30_000)
    expect.set_options(timeout=30_000)
    page.goto(f"{address}/export?project=1")
    card = page.get_by_role("region", name="Tour of the demo")
    expect(card.locator(".title")).to_have_text("2. Train a round. ")
    card.get_by_role("link", name="Go to Train").click()
    page.get_by_role("heading", name="Train", exact=True).wait_for()
    expect(card.locator(".title")).to_have_text("2. Train a round. ")
    expect(card.locator(".there")).to_be_hidden()
    card.focus()
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    page.goto(f"{address}/label?project=1")
    page.get_by_role("heading", name="Label", exact=True).wait_for()
    expect(card).to_be_hidden()
    page.close()
