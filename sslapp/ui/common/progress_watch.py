"""Sees that running work has moved, without running anything on the page until it has.

A fragment that runs every second sends all that it draws, and a kilobyte besides, each time. So the
browser looks by itself: it asks a route for a stamp, and when that differs from the one that was
drawn, has the fragment run that drew it. Only that: a run of the whole page would cut off one that
is under way, and a button that was pressed in that one would be forgotten.
"""

from sslapp.ui.common import addresses, browser_component
from sslapp.usecases.access import Access

_component = browser_component.declare("progress_watch", "common/progress_watch.js")


def watch(access: Access, project_id: int, stamp: str, key: str) -> None:
    """Have the fragment that calls this run again when work moves.

    Args:
        stamp: of the progress that the fragment has drawn.
        key: the component's.
    """
    _component(
        key=key,
        data={
            "url": f"{addresses.of_project(access, project_id)}/progress-stamp",
            "stamp": stamp,
        },
        on_moved_change=_run_again,
    )


def _run_again() -> None:
    """Nothing more to do: the fragment runs because it was called."""
