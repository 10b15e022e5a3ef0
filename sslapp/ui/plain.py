"""Names that people typed, shown as the text they are: never as Markdown, never as markup."""

import html
import re

_SPECIAL = re.compile(r"([!-/:-@\[-`{-~])")


def markdown(text: str) -> str:
    """Text for a place that reads Markdown, such as a title or a metric's label."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def plotly(text: str, longest: int = 24) -> str:
    """Text for a Plotly label, which reads a few HTML tags; a long one is cut."""
    line = " ".join(text.split())
    return html.escape(line if len(line) <= longest else line[: longest - 1] + "…", quote=False)
