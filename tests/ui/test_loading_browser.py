"""A component whose code cannot be loaded says so; what can be loaded is kept."""

import pytest

SECONDS = 1000
FAILURE = "This part of the page could not be loaded"


@pytest.fixture
def page(browser, serve, reviewed):
    """A browser's page at the served project, not opened yet."""
    context = browser.new_context(base_url=serve(reviewed.workspace.root))
    page = context.new_page()
    page.set_default_timeout(30 * SECONDS)
    yield page
    context.close()


def test_code_that_is_not_there_is_told_and_a_reload_mends_it(page) -> None:
    # as when the server was restarted with other code between the page and its modules
    page.route("**/code/**", lambda route: route.fulfill(status=404, body="no such code"))
    page.goto("/label?project=1")
    page.get_by_role("alert").filter(has_text=FAILURE).wait_for()
    assert not page.get_by_role("button", name="Skip").count()  # none that does nothing
    page.unroute("**/code/**")
    page.reload()
    page.locator(".stage[aria-busy=false]").wait_for()
    assert not page.get_by_text(FAILURE).count()


def test_one_module_that_is_missing_is_enough_to_be_told(page) -> None:
    page.route("**/review/panel.js", lambda route: route.abort())
    page.goto("/review?project=1")
    page.get_by_role("alert").filter(has_text=FAILURE).wait_for()
    assert not page.get_by_role("button", name="Accept").count()


def test_modules_are_loaded_once_and_kept(page) -> None:
    served: list[str] = []

    def loaded(answer) -> None:
        if "/code/" in answer.url and not answer.request.service_worker:
            served.append(answer.url)

    page.on("response", loaded)
    page.goto("/label?project=1")
    page.locator(".stage[aria-busy=false]").wait_for()
    assert any(each.endswith("/label/book.js") for each in served)
    assert len(served) == len(set(served))
    size = "url => performance.getEntriesByName(url)[0].transferSize"
    (reader,) = [each for each in served if each.endswith("/label/reader.js")]
    assert page.evaluate(size, reader) > 0
    page.reload()
    page.locator(".stage[aria-busy=false]").wait_for()
    assert page.evaluate(size, reader) == 0  # from the browser's own cache
