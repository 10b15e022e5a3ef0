"""What tests do at the pages for labelling, audits and reviews: turn to, read, press, wait."""

from collections.abc import Callable
from contextlib import suppress

TRIES = 8
LOST_AFTER = 5_000
"""Milliseconds after which an action is begun again: a run of the page that was on its way redraws
charts and closes lists, and takes with it what was just done to them."""

IMAGE = """() => {
    const roots = [...document.querySelectorAll('*')].map(each => each.shadowRoot)
    const img = roots.map(each => each?.querySelector('.box img')).find(each => each)
    return img ? Number(img.src.split('/').at(-2)) : null
}"""


def turn_to(page, title: str) -> None:
    """Go to another page of the application by its bar: its code is not loaded anew."""
    page.get_by_test_id("stTopNavLink").get_by_text(title, exact=True).click()


def tried(act: Callable[[int], None]) -> None:
    """Do what a run of the page may undo, until it stays done; `act` is told how long to wait."""
    from playwright.sync_api import TimeoutError

    for _ in range(TRIES):
        with suppress(TimeoutError):
            act(LOST_AFTER)
            return
    act(LOST_AFTER)


def choose(page, box, name: str, typed: str | None = None) -> None:
    """Choose an entry of a list that opens when its box is clicked, or when a text is typed."""
    option = page.get_by_role("option", name=name, exact=True)

    def act(patience: int) -> None:
        if typed is not None:
            box.fill("", timeout=patience)
            box.fill(typed, timeout=patience)
        elif not option.count():  # a click at an open list would close it
            box.click(timeout=patience)
        option.click(timeout=patience)

    tried(act)


def ready(page) -> int:
    """Wait until a key counts, and say which image is on screen."""
    stage = page.locator(".stage[aria-busy=false]")
    stage.wait_for()
    if page.evaluate(IMAGE) is None:  # the page waits for further images
        page.wait_for_function(f"() => ({IMAGE})() !== null")
        stage.wait_for()
    return page.evaluate(IMAGE)


def press(page, key: str) -> int:
    """Press a key as soon as it counts, and say for which image that was."""
    position = ready(page)
    page.keyboard.press(key)
    return position


def all_saved(page) -> None:
    """Wait until the server has all decisions."""
    page.locator(".saved[data-state=saved]").wait_for()


def accept_unproven(page, number: int) -> None:
    """Accept so many selected images on Review, in the two steps that it takes without a proof."""
    page.get_by_role("button", name=f"Accept {number} unproven…", exact=True).click()
    confirm = f"Accept {number} label{'' if number == 1 else 's'} unproven"
    page.get_by_role("dialog").get_by_role("button", name=confirm, exact=True).click()
