"""A component whose code cannot be loaded says so; what can be loaded is kept."""

from reading_page import turn_to

SECONDS = 1000
FAILURE = "This part of the page could not be loaded"
SIZE = "url => performance.getEntriesByName(url)[0].transferSize"


def test_missing_code_is_told_a_reload_mends_it_and_modules_are_loaded_once_and_kept(
    reviewed, serve, browser
) -> None:
    page = browser.new_page(base_url=serve(reviewed.workspace.root))
    page.set_default_timeout(30 * SECONDS)
    failure = page.get_by_role("alert").filter(has_text=FAILURE)
    # as when the server was restarted with other code between the page and its modules
    page.route("**/code/**", lambda route: route.fulfill(status=404, body="no such code"))
    page.goto("/label?project=1")
    failure.wait_for()
    assert not page.get_by_role("button", name="Skip").count()  # none that does nothing
    page.unroute("**/code/**")

    served: list[str] = []

    def loaded(answer) -> None:
        if "/code/" in answer.url and not answer.request.service_worker:
            served.append(answer.url)

    page.on("response", loaded)
    page.reload()
    page.locator(".stage[aria-busy=false]").wait_for()
    assert not failure.count()
    assert any(each.endswith("/label/book.js") for each in served)
    assert len(served) == len(set(served))
    (reader,) = [each for each in served if each.endswith("/label/reader.js")]
    assert page.evaluate(SIZE, reader) > 0
    page.reload()
    page.locator(".stage[aria-busy=false]").wait_for()
    assert page.evaluate(SIZE, reader) == 0  # from the browser's own cache

    # one module that is missing is enough to be told
    page.route("**/review/panel.js", lambda route: route.abort())
    turn_to(page, "Review")
    failure.wait_for()
    assert not page.get_by_role("button", name="Accept").count()
    page.close()
