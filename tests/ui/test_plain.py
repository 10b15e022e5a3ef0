"""Typed names never become markup."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslapp.ui.common import plain


@pytest.mark.parametrize("sign", list("*_`[]()<>:$#~|!\\&{}+-."))
def test_a_sign_with_a_meaning_in_markdown_is_escaped(sign: str) -> None:
    assert plain.markdown(f"a{sign}b") == f"a\\{sign}b"


@pytest.mark.slow
@given(st.text())
def test_markdown_keeps_every_letter_and_starts_no_block(text: str) -> None:
    shown = plain.markdown(text)
    assert "\n" not in shown
    assert re.sub(r"\\(.)", r"\1", shown).replace(plain.JOINER, "") == " ".join(
        text.replace(plain.JOINER, "").split()
    )


@pytest.mark.parametrize(
    "text", ["a@b.org", "http://b.org", "WWW.b.org", "a->b", "a<-b", "a--b", ">=", ":streamlit:"]
)
def test_what_streamlit_would_replace_is_held_apart(text: str) -> None:
    shown = plain.markdown(text)
    assert shown.count(plain.JOINER) == 1
    assert not shown.endswith(plain.JOINER)


def test_an_ordinary_name_holds_nothing_invisible() -> None:
    assert plain.JOINER not in plain.markdown("non-tumour (grade 2/3): left = right")


@given(st.text(max_size=40))
def test_a_plotly_label_holds_no_tag_and_is_cut_before_it_is_escaped(text: str) -> None:
    shown = plain.plotly(text, longest=24)
    assert "<" not in shown
    assert len(html.unescape(shown)) <= 24 or "&" in text
