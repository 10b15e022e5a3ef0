"""How a key event is read, on keyboards of several countries, in a real browser."""

from collections.abc import Callable

import pytest

from sslapp.web.browser_code import COMPONENTS

CLASSES = {each: f"class {each}" for each in ("1", "2", "7", "e", "0")}
COMMANDS = {each: f"command {each}" for each in ("e", "a", "0", "+", "-", "[", "{", "?", " ")} | {
    "ArrowLeft": "command ArrowLeft"
}

READ = """([fields, classes, commands]) => {
  const event = new KeyboardEvent("keydown", { bubbles: true, composed: true, ...fields })
  const map = each => new Map(Object.entries(each))
  const found = meaning(event, map(classes), map(commands))
  return found?.class ?? found?.command ?? null
}"""


@pytest.fixture(scope="module")
def read(browser) -> Callable[..., str | None]:
    """A function from a key event's fields to the class or command that it stands for."""
    page = browser.new_page()
    text = (COMPONENTS / "common" / "strokes.js").read_text()
    page.add_script_tag(content=f"{text}\nwindow.meaning = meaning", type="module")
    page.wait_for_function("() => window.meaning")  # a module runs after the page
    yield lambda **fields: page.evaluate(READ, [fields, CLASSES, COMMANDS])
    page.close()


def test_a_digit_is_known_by_its_place(read) -> None:
    assert read(key="1", code="Digit1") == "class 1"
    assert read(key="&", code="Digit1") == "class 1"  # French
    assert read(key="+", code="Digit1") == "class 1"  # Czech; a command stands on it elsewhere
    assert read(key="è", code="Digit7") == "class 7"
    assert read(key="È", code="Digit7") == "class 7"  # with Caps Lock
    assert read(key="7", code="Digit7") == "class 7"  # French on Windows with Caps Lock
    assert read(key="Dead", code="Digit7") == "class 7"  # Vietnamese
    assert read(key="7", code="Numpad7") == "class 7"
    assert read(key="0", code="Digit0") == "class 0"
    assert read(key="1", code="") == "class 1"  # a keyboard on the screen
    assert read(key="0", code="Backquote") == "class 0"  # Hungarian


def test_shift_never_labels_with_a_digit(read) -> None:
    assert read(key="!", code="Digit1", shiftKey=True) is None
    assert read(key="1", code="Digit1", shiftKey=True) is None  # French
    assert read(key="1", code="Numpad1", shiftKey=True) is None
    assert read(key="0", code="Digit0", shiftKey=True) is None
    assert read(key="1", code="", shiftKey=True) is None


def test_a_number_pad_that_is_off_moves(read) -> None:
    assert read(key="ArrowLeft", code="Numpad4") == "command ArrowLeft"
    assert read(key="End", code="Numpad1") is None
    assert read(key="+", code="NumpadAdd") == "command +"


def test_caps_lock_changes_no_letter(read) -> None:
    assert read(key="e", code="KeyE") == read(key="E", code="KeyE") == "class e"
    assert read(key="A", code="KeyA") == read(key="a", code="KeyA") == "command a"
    assert read(key="a", code="KeyQ") == "command a"  # French: by what it prints


def test_shift_asks_for_the_command_where_a_class_owns_the_letter(read) -> None:
    assert read(key="E", code="KeyE", shiftKey=True) == "command e"
    assert read(key="e", code="KeyE", shiftKey=True) == "command e"  # with Caps Lock
    assert read(key="2", code="KeyZ", shiftKey=True) is None


def test_signs_are_what_is_printed(read) -> None:
    assert read(key="?", code="Slash", shiftKey=True) == "command ?"
    assert read(key="?", code="Minus", shiftKey=True) == "command ?"  # German
    assert read(key="?", code="KeyM", shiftKey=True) == "command ?"  # French
    assert read(key="+", code="Equal", shiftKey=True) == "command +"
    assert read(key="+", code="BracketRight") == "command +"  # German
    assert read(key="+", code="Digit1", shiftKey=True) == "command +"  # Swiss
    assert read(key="{", code="BracketLeft", shiftKey=True) == "command {"
    assert read(key="-", code="Digit6") == "command -"  # French, where no class has the 6
    assert read(key=" ", code="Space") == "command  "


def test_the_third_level_prints_signs_and_labels_nothing(read) -> None:
    level = {"modifierAltGraph": True}
    assert read(key="[", code="Digit8", **level) == "command ["  # German
    assert read(key="{", code="Digit7", **level) == "command {"
    assert read(key="{", code="Digit7", **level, ctrlKey=True, altKey=True) == "command {"
    assert read(key="7", code="Digit7", **level) is None
    assert read(key="e", code="KeyE", **level) is None
    assert read(key="ArrowLeft", code="ArrowLeft", **level) is None


def test_shortcuts_and_what_is_being_composed_are_no_strokes(read) -> None:
    for modifier in ("ctrlKey", "altKey", "metaKey"):
        assert read(key="1", code="Digit1", **{modifier: True}) is None
    assert read(key="1", code="Digit1", isComposing=True) is None
    assert read(key="Process", code="Digit1") is None
    assert read(key="1", code="Digit1", keyCode=229) is None
    assert read(key="Dead", code="BracketLeft") is None
    assert read(key="Unidentified", code="") is None
