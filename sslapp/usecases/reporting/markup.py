"""HTML put together from elements; text is escaped unless it is an element already.

There is no other way to get text into a page here, so nobody's class name becomes markup.
"""

import html

_VOID = frozenset({"meta", "br", "hr", "col"})


class Markup(str):
    """Finished HTML. Made by `element` and `verbatim` alone."""

    __slots__ = ()


def element(tag: str, /, *children: object, **attributes: object) -> Markup:
    """`<tag attributes>children</tag>`.

    Args:
        tag: the element's name.
        children: elements, text, numbers, or lists of these; None is nothing.
        attributes: a trailing underscore is dropped (`class_`), others become hyphens; None and
            False leave the attribute out, True gives it no value.
    """
    start = tag + "".join(_attribute(key, value) for key, value in attributes.items())
    if tag in _VOID:
        return Markup(f"<{start}>")
    return Markup(f"<{start}>{''.join(map(_text, children))}</{tag}>")


def verbatim(text: str) -> Markup:
    """Text of our own that is HTML, CSS or script already; never anything that people typed."""
    return Markup(text)


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'


def _text(child: object) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, list | tuple):
        return "".join(map(_text, child))
    return html.escape(str(child))
