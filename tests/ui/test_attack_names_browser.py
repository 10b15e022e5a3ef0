"""Names that would be markup: every page shows them as the text they are."""

import pytest
from reading_page import turn_to
from sqlalchemy import update

from sslapp.store.database import writing
from sslapp.store.schema import image, image_set, label_class, project, reader
from sslapp.usecases.projects.settings import create_project

SECONDS = 1000
MARKUP = "<img src=x onerror=alert(1)>"
MARKDOWN = "**b** [x](javascript:alert(1)) :material/home:"
PAGES = ("Projects", "Label", "Train", "Review", "Compare", "Export")

FOUND = """() => {
    const main = document.querySelector(".stMain");
    const icons = [...main.querySelectorAll("[data-testid=stIconMaterial], [translate=no]")];
    return {
        images: main.querySelectorAll('img[src="x"]').length,
        scripts: main.querySelectorAll('a[href^="javascript"], [onerror]').length,
        homes: icons.filter(each => each.textContent.trim() === "home").length,
    };
}"""


@pytest.fixture
def attacked(reviewed):
    """The workspace with a finished round, where everything that has a name has a bad one."""
    create_project(reviewed, "Second")
    with writing(reviewed.engine) as conn:
        conn.execute(update(project).where(project.c.id == 1).values(name=f"{MARKUP} {MARKDOWN}"))
        conn.execute(update(label_class).values(name=label_class.c.number.concat(f" {MARKUP}")))
        conn.execute(
            update(label_class)
            .where(label_class.c.number == 1)
            .values(name=f"1 {MARKDOWN} <b>bold</b>")
        )
        conn.execute(update(image).values(name=f"{MARKUP}{MARKDOWN}"))
        conn.execute(update(image_set).values(name=MARKUP))
        conn.execute(update(reader).values(name=f"{MARKUP} Ann"))
    return reviewed.workspace.root


def test_no_name_becomes_markup_on_any_page(attacked, serve, browser) -> None:
    address = serve(attacked, LOGNAME=f"{MARKUP} Ann")
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.set_default_timeout(30 * SECONDS)
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(f"{address}/?project=1")
    for name in PAGES:
        turn_to(page, name)
        page.get_by_role("heading", name=name, exact=True).first.wait_for()
        page.wait_for_function("!document.querySelector('[data-test-script-state=running]')")
        shown = page.get_by_text("onerror=alert").or_(page.locator('input[value*="onerror=alert"]'))
        shown.first.wait_for(state="attached")
        assert page.evaluate(FOUND) == {"images": 0, "scripts": 0, "homes": 0}, name
        assert page.get_by_test_id("stException").count() == 0, name
        if name == "label":  # whose classes have long names
            page.locator(".class .name").nth(1).wait_for()
            last = page.locator('[data-do="undo"]').bounding_box()
            assert last["x"] + last["width"] < page.viewport_size["width"]
    assert dialogs == []
    page.close()
