"""How long a reader looked, by a browser's clock that the test turns."""

import pytest

from sslapp.web.browser_code import COMPONENTS

SECOND = 1000
SHOWN = """shown => {
  Object.defineProperty(document, "hidden", { value: !shown, configurable: true })
  document.dispatchEvent(new Event("visibilitychange"))
}"""


@pytest.fixture
def page(browser):
    """A page with the clock started."""
    page = browser.new_page()
    page.clock.install(time=0)
    text = (COMPONENTS / "common" / "clock.js").read_text()
    page.add_script_tag(content=f"{text}\nwindow.makeClock = makeClock", type="module")
    page.wait_for_function("() => window.makeClock")  # a module runs after the page
    page.evaluate("() => { window.looked = makeClock(); looked.start() }")
    page.clock.pause_at(SECOND)
    page.evaluate("() => looked.start()")
    yield page
    page.close()


def passes(page, seconds: float) -> None:
    page.clock.run_for(round(seconds * SECOND))


def alive(page) -> None:
    page.evaluate("() => dispatchEvent(new PointerEvent('pointermove'))")


def looked(page) -> float:
    """Active seconds so far."""
    return page.evaluate("() => looked.read()") / SECOND


def test_short_gaps_count_in_full(page) -> None:
    passes(page, 12)
    alive(page)
    passes(page, 29)
    assert looked(page) == 41


def test_of_a_long_look_the_first_half_minute_counts(page) -> None:
    passes(page, 31)
    assert looked(page) == 30
    passes(page, 600)
    alive(page)
    passes(page, 5)
    assert looked(page) == 30 + 30 + 5


def test_a_hidden_tab_counts_up_to_its_hiding_and_from_its_showing(page) -> None:
    passes(page, 45)
    page.evaluate(SHOWN, False)
    assert looked(page) == 30
    passes(page, 10)
    alive(page)
    assert looked(page) == 30
    passes(page, 10)
    page.evaluate(SHOWN, True)
    passes(page, 4)
    assert looked(page) == 34


def test_each_image_starts_anew(page) -> None:
    passes(page, 20)
    page.evaluate("() => looked.start()")
    passes(page, 3)
    assert looked(page) == 3
