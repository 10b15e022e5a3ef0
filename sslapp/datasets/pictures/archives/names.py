"""Names in a zip archive as people wrote them, also where the archive does not say how.

A name without the UTF-8 flag is code page 437 by the format's rules, but systems write their own
code page there: GBK, Shift-JIS, code page 866. All such names of an archive were written by one
system, so they are read together: one encoding must make words of all of them, and no other.
"""

import re
import unicodedata
import zipfile
from collections.abc import Callable, Sequence

_UTF8 = 0x800
_FEWEST = 4
"""So many different letters beyond ASCII must be there before an Asian encoding is believed."""

UNTOLD = (
    "its name is in an encoding that cannot be told; pack the archive anew with UTF-8 names "
    "(7-Zip: the parameter cu=on; macOS and Linux: zip)"
)


def readable_names(infos: Sequence[zipfile.ZipInfo]) -> list[str | None]:
    """The name of each member, None where nobody can tell how it is written."""
    raw = [_bytes(info) for info in infos]
    unclear = [each for each in raw if each is not None]
    encoding = _encoding(unclear) if unclear else None
    return [
        info.orig_filename if each is None else each.decode(encoding) if encoding else None
        for info, each in zip(infos, raw, strict=True)
    ]


def _bytes(info: zipfile.ZipInfo) -> bytes | None:
    """A name as it is written, if that leaves its encoding open."""
    if info.flag_bits & _UTF8 or info.orig_filename.isascii():
        return None
    try:
        return info.orig_filename.encode("cp437")
    except UnicodeEncodeError:
        return None


def _encoding(names: Sequence[bytes]) -> str | None:
    """The one encoding in which all names are words; None where there is none, or several."""
    try:
        for name in names:
            name.decode("utf-8")
    except UnicodeDecodeError:
        found = {
            encoding: text
            for encoding, is_text in _LIKELY.items()
            if (text := _decoded(names, encoding)) is not None and is_text(text)
        }
        # one reading under two names, as of ü in code pages 437 and 850, is still clear
        return next(iter(found)) if len(set(found.values())) == 1 else None
    return "utf-8"


def _decoded(names: Sequence[bytes], encoding: str) -> str | None:
    try:
        return "\n".join(name.decode(encoding) for name in names)
    except UnicodeDecodeError:
        return None


def _letters(text: str) -> list[str]:
    """The characters beyond ASCII that are no punctuation."""
    return [c for c in text if not c.isascii() and c not in _PUNCTUATION]


_PUNCTUATION = "\u3000、。·（）【】《》－～！，：；「」『』・ー々"


def _are_frequent(text: str, encoding: str, lead: range, trail: range = range(256)) -> bool:
    """Whether nearly all letters have the bytes of an encoding's frequent ones."""
    coded = [c.encode(encoding) for c in _letters(text)]
    frequent = sum(len(each) == 2 and each[0] in lead and each[1] in trail for each in coded)
    return len(set(coded)) >= _FEWEST and frequent >= 0.9 * len(coded)


def _is_simplified(text: str) -> bool:
    # hangul has the first half of these bytes: a text of such alone may be either
    return _are_frequent(text, "gbk", range(0xB0, 0xD8), _UPPER) and any(
        c.encode("gbk")[0] > _LAST_HANGUL for c in _letters(text)
    )


def _is_traditional(text: str) -> bool:
    # of Big5's second bytes a third is below 0x80, of GBK's frequent ones none
    return _are_frequent(text, "big5", range(0xA4, 0xC7)) and any(
        c.encode("big5")[1] < _UPPER[0] for c in _letters(text)
    )


def _is_korean(text: str) -> bool:
    letters = {c.encode("cp949") for c in _letters(text)}
    hangul = all(0xB0 <= each[0] <= _LAST_HANGUL and each[1] in _UPPER for each in letters)
    return hangul and len(letters) >= _FEWEST_HANGUL


def _is_japanese(text: str) -> bool:
    kanji = "".join(c for c in text if not "\u3040" <= c <= "\u30ff")
    kana = len(set(text) - set(kanji))
    if kana >= _FEWEST and not _letters(kanji):
        return True
    return _are_frequent(kanji, "cp932", range(0x88, 0x98))


def _is_script(text: str, script: str) -> bool:
    """Whether letters beyond ASCII are of that script only, in words spelled as words are."""
    for word in re.findall(r"[^\W\d_]+", text):
        if word.isascii():
            continue
        scripts = {unicodedata.name(c, "?").split()[0] for c in word}
        capitals = word.islower() or word.isupper() or word[1:].islower()
        if scripts != {script} or not capitals:
            return False
    return all(c.isalpha() for c in text if not c.isascii())


def _is_latin(text: str) -> bool:
    """A text of accents alone is some other script."""
    letters = [c for c in text if c.isalpha()]
    accents = sum(not c.isascii() for c in letters)
    return _is_script(text, "LATIN") and accents <= 0.4 * len(letters)


def _is_cyrillic(text: str) -> bool:
    return _is_script(text, "CYRILLIC")


_UPPER = range(0xA1, 0xFF)
_LAST_HANGUL = 0xC8
_FEWEST_HANGUL = 8
_LIKELY: dict[str, Callable[[str], bool]] = {
    "cp437": _is_latin,
    "cp850": _is_latin,
    "cp852": _is_latin,
    "cp1252": _is_latin,
    "cp866": _is_cyrillic,
    "cp1251": _is_cyrillic,
    "gbk": _is_simplified,
    "big5": _is_traditional,
    "cp932": _is_japanese,
    "cp949": _is_korean,
}
"""Encoding -> whether a text is a likely one in it."""
