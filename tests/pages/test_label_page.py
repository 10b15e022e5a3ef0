"""The Label page as Streamlit runs it: what goes to the browser, and what comes before it."""

import json

import small_project
from PIL import Image
from streamlit.testing.v1 import AppTest

from sslapp.store.database import reading
from sslapp.store.label_classes import classes
from sslapp.usecases.access import enter
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.projects.classes import retire_class
from sslapp.usecases.projects.settings import create_project
from sslapp.workspace import Workspace


def opened(open_app, access) -> AppTest:
    return open_app(access.workspace.root, "label")


def sent(page: AppTest) -> dict:
    """What the component is given."""
    (component,) = page.get("bidi_component")
    return json.loads(component.proto.json)


def test_the_component_gets_classes_and_ways_and_no_prediction(open_app, reviewed) -> None:
    retire_class(reviewed, None, "3")
    page = opened(open_app, reviewed)
    assert not page.exception
    data = sent(page)
    with reading(reviewed.engine) as conn:
        live = classes(conn, 1)
    assert data["classes"] == [
        {"id": each.id, "name": each.name, "colour": each.colour, "key": each.key} for each in live
    ]
    assert len(live) == 9
    assert [each["name"] for each in data["strategies"]] == [
        "auto",
        "typiclust",
        "margin",
        "disagreement",
        "random",
        "holdout",
    ]
    names = {"name", "audit", "project", "base", "parts", "classes", "strategies", "asked"}
    assert set(data) == names | {"lately"}
    assert data["audit"] is None
    assert data["asked"] == ""
    assert data["base"] == f"/api/{small_project.WORKSPACE}/projects/1"


def test_its_address_can_ask_for_a_way_to_choose_images(open_app, reviewed) -> None:
    for said, asked in (("holdout", "holdout"), ("whatever", "")):
        app = open_app(reviewed.workspace.root, "label", strategy=said)
        assert sent(app)["asked"] == asked


def test_what_a_browser_keeps_is_apart_for_each_workspace_project_and_reader(
    open_app, project
) -> None:
    name = sent(opened(open_app, project))["name"]
    assert name == f"sslapp-label-{small_project.WORKSPACE}-1-{project.reader_id}"


def test_before_there_are_images_or_classes_the_page_says_what_comes_first(
    open_app, tmp_path
) -> None:
    access = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    create_project(access, "Empty", [])
    page = opened(open_app, access)
    assert page.subheader[0].value == "No images yet"
    (tmp_path / "one").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "one" / "a.png")
    import_images(access, None, str(tmp_path / "one"))
    small_project.run_jobs(access)
    page = opened(open_app, access)
    assert not page.get("bidi_component")
    assert page.subheader[0].value == "No classes yet"
    access.engine.dispose()
