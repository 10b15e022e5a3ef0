"""Packed texts are those that were put in."""

import pytest

from sslapp.datasets.texts import Texts


def test_texts_come_back_in_their_order() -> None:
    given = ["", "cat/1.png", "Mü/ß.png", "", "x" * 300, "\udcff"]
    texts = Texts(given[:2])
    for each in given[2:]:
        texts.append(each)
    assert list(texts) == given
    assert (len(texts), texts[-2], texts[1:5:2]) == (6, "x" * 300, ["cat/1.png", ""])
    assert "cat/1.png" in texts
    assert "cat" not in texts
    with pytest.raises(IndexError):
        texts[6]
