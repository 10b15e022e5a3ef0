"""Key events as keyboards of other countries, and keyboards with Caps Lock on, send them."""

STROKE = """fields => document.body.dispatchEvent(
  new KeyboardEvent("keydown", { bubbles: true, cancelable: true, composed: true, ...fields })
)"""


def stroke(page, key: str, code: str, **held: bool) -> None:
    """Send the page one key event: what it prints, where it lies, and what is held."""
    page.evaluate(STROKE, {"key": key, "code": code, **held})
