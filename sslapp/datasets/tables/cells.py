"""What leaves the program as text: table cells that no spreadsheet runs as a formula, and file
names that stay in the folder they are written to.
"""

import re
import unicodedata

# What spreadsheets take for the start of a formula (OWASP, "CSV Injection"), full-width signs too.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_QUOTED_FORMULA = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")
_WINDOWS_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)
_LONGEST_STEM = 120  # bytes


def escape_cell(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would take for a formula.

    NUL, at which some readers end a cell, becomes the replacement character.
    """
    text = text.replace("\0", "\ufffd")
    # a formula behind apostrophes gets one more, so that `unescape_cell` is an exact inverse
    return "'" + text if _FORMULA.match(text) else text


def unescape_cell(text: str) -> str:
    """Undo `escape_cell`."""
    return text[1:] if _QUOTED_FORMULA.match(text) else text


def safe_stem(name: str) -> str:
    """A file name without suffix that is legal on every system and names nothing but itself.

    Only the last part of a path counts; anything but letters, digits, space, "-", "_" and "."
    becomes "_"; the result is never empty, hidden, longer than 120 bytes or a device of Windows.
    """
    last = re.split(r"[/\\]", name)[-1]
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", last) or last
    stem = re.sub(r"[^\w .-]", "_", unicodedata.normalize("NFC", stem))
    stem = stem.encode()[:_LONGEST_STEM].decode(errors="ignore").strip(" .")
    if not stem or _WINDOWS_DEVICE.fullmatch(stem.split(".")[0].strip()):
        stem = "_" + stem
    return stem
