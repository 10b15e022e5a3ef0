"""The tour's card: the next step of the demo project, above a page's own content.

It advances with the project's events, whoever made them. Dismissed, it stays away for that reader
in that browser.
"""

from sslapp.ui.common import browser_component
from sslapp.usecases.access import Access
from sslapp.usecases.projects.tour import tour

_component = browser_component.declare(
    "sslapp_tour", "tour/card.js", html="tour/card.html", styles=("tour/card.css",)
)


def show(access: Access, project_id: int, page: str) -> None:
    """Draw the card, on the demo project while a step is left.

    Args:
        page: the page that is open, by the name of its file.
    """
    steps = tour(access, project_id)
    at = next((number for number, each in enumerate(steps) if not each.done), None)
    if at is None:
        return
    step = steps[at]
    _component(
        key="tour",
        data={
            "scope": f"sslapp-tour-{access.workspace_id}-{access.reader_id}",
            "steps": [{"name": each.page.capitalize(), "done": each.done} for each in steps],
            "at": at,
            "title": step.title,
            "text": step.text,
            "here": step.page == page,
            "address": f"/{step.page}?project={project_id}",
        },
        height="content",
    )
