"""Addresses of the server's routes, as pages hand them to the browser.

Each names the workspace, so that a page that is left open when another one is served here asks
and tells nothing of it; an image's names its content too, so that no cache shows another picture.
"""

from sslapp.usecases.access import Access


def base(access: Access) -> str:
    """What all addresses of this workspace begin with, for this reader."""
    name = f"~{access.reader_id}" if access.named else ""
    return f"/api/{access.workspace_id}{name}"


def of_project(access: Access, project_id: int) -> str:
    """What those of a project begin with."""
    return f"{base(access)}/projects/{project_id}"


def of_image(access: Access, project_id: int, position: int, image: str) -> str:
    """An image at full size; `image` is its content hash."""
    return f"{of_project(access, project_id)}/images/{position}/{image}"


def of_held(access: Access, project_id: int, series: str) -> str:
    """What those of pictures of a series begin with that is held back."""
    return f"{of_project(access, project_id)}/held/{series}"


def of_export(access: Access, job_id: int) -> str:
    """The file of an export."""
    return f"{base(access)}/exports/{job_id}"


def of_uploads(access: Access) -> str:
    """Where files are sent."""
    return f"{base(access)}/uploads"
