"""The reading component's wrapper: what goes to the browser.

Nothing comes back here. The component talks to the routes of web/decisions.py with fetch, because
a rerun of the page takes a tenth of a second and is lost with its socket: a key costs none, and
decisions outlive both (specs/app_engineering.md 1.4 and 3).
"""

from dataclasses import asdict

import streamlit as st

from sslapp.ui.common import addresses, browser_component
from sslapp.usecases.access import Access
from sslapp.usecases.images.pictures import has_parts
from sslapp.usecases.labelling.offers import Opening
from sslapp.web import browser_code

_PAGE = (browser_code.COMPONENTS / "label/page.css").read_text(encoding="utf-8")

_component = browser_component.declare(
    "reading",
    "label/reader.js",
    html="label/reader.html",
    styles=(
        "label/reader.css",
        "label/stage.css",
        "label/side.css",
        "common/names.css",
        "common/parts.css",
    ),
)


def show(
    access: Access,
    project_id: int,
    opening: Opening,
    asked: str = "",
    *,
    audit: int | None = None,
) -> None:
    """Draw the reading component, or what has to come before there is anything to read.

    Args:
        access: who reads; what the browser keeps is kept apart for each workspace, project and
            reader.
        project_id: the project.
        opening: its classes and the ways to choose images.
        asked: the way that the page's address asks for; "" leaves it to the reader.
        audit: number of the audit that is answered; None labels.
    """
    if not opening.images or not opening.classes:
        _empty(opening)
        return
    what = "label" if audit is None else f"audit-{audit}"
    st.html(f"<style>{_PAGE}</style>")
    _component(
        key=f"{what}-reading-{project_id}",
        data={
            "name": f"sslapp-{what}-{access.workspace_id}-{project_id}-{access.reader_id}",
            "lately": browser_component.lately(access, project_id),
            "audit": audit,
            "project": project_id,
            "base": addresses.of_project(access, project_id),
            "parts": has_parts(access, project_id),
            "classes": [
                {"id": each.id, "name": each.name, "colour": each.colour, "key": each.key}
                for each in opening.classes
            ],
            "strategies": [asdict(each) for each in opening.strategies],
            "asked": asked if asked in {each.name for each in opening.strategies} else "",
        },
    )


def _empty(opening: Opening) -> None:
    with st.container(border=True):
        if not opening.images:
            st.subheader("No images yet", anchor=False)
            st.markdown("Import some on the Projects page; a running import is shown there.")
        else:
            st.subheader("No classes yet", anchor=False)
            st.markdown("Add the classes to choose from on the Projects page.")
