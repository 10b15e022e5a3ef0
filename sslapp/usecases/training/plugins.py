"""Methods that a file outside of every package holds. The command line alone reads such a file: a
path is never taken from a browser, so no page and no route may import this module.
"""

from sslapp.methods.card import MethodCard
from sslapp.methods.plugin import Plugin, read_plugin
from sslapp.methods.registry import CARDS, find_card

__all__ = ["Plugin", "chosen_card", "read_plugin"]


def chosen_card(method: str | None, plugin: Plugin | None) -> MethodCard:
    """The card of the method that was named, or of the plugin's.

    Raises:
        ValueError: when neither was given, when there is no such method, or when the plugin's is
            another.
    """
    if plugin is None:
        if method is None:
            raise ValueError(f"Name a method: {', '.join(CARDS)}; or a file with --plugin.")
        return find_card(method)
    if method not in (None, plugin.card.name):
        raise ValueError(
            f'The plugin {plugin.path.name} holds the method "{plugin.card.name}". Name that '
            f'instead of "{method}", or give no --plugin.'
        )
    return plugin.card
