"""Names that people typed, shown as the text they are: never as Markdown, never as markup."""

import re

from sslapp.charts import look

_SPECIAL = re.compile(r"([!-/:-@\[-`{-~])")

JOINER = "\u2060"
"""A sign without width that holds two others apart."""

# Streamlit makes links, arrows and its logo of these once all is parsed, escaped or not
_REPLACED = re.compile(r"(@|:(?=//|streamlit:)|www(?=\.)|<(?=[-=])|-(?=[->])|[>~](?==))", re.I)


def markdown(text: str) -> str:
    """Text for a place that reads Markdown, such as a title or a metric's label."""
    apart = _REPLACED.sub(rf"\1{JOINER}", " ".join(text.split()))
    return _SPECIAL.sub(r"\\\1", apart)


def plotly(text: str, longest: int = 24) -> str:
    """Text for a Plotly label, which reads a few HTML tags; a long one is cut."""
    return look.label(text, longest)
