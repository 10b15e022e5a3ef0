"""Sees that running work has moved, without running anything on the page until it has.

A fragment that runs every second sends all that it draws, and a kilobyte besides, each time. So the
browser looks by itself: it asks a route for a stamp, and when that differs from the one that was
drawn, has the panel drawn again, which is a fragment that is called by its key.
"""

import streamlit as st

from sslapp.ui.common import addresses, browser_component
from sslapp.usecases.access import Access
from sslapp.usecases.training.progress import LiveJobs, live_jobs

_component = browser_component.declare("progress_watch", "common/progress_watch.js")


def watch(access: Access, project_id: int, seen: LiveJobs, panel: str) -> None:
    """Have `panel` drawn again when work moves, and the whole page when a job starts or ends.

    Args:
        seen: the progress that the page was drawn from.
        panel: the key of the fragment that draws the work.
    """

    def moved() -> None:
        if live_jobs(access, project_id).signature == seen.signature:
            st.rerun(panel)  # otherwise the page runs again, as after any other event

    _component(
        key=f"{panel}-watch",
        data={
            "url": f"{addresses.of_project(access, project_id)}/progress-stamp",
            "stamp": seen.stamp,
        },
        on_moved_change=moved,
    )
