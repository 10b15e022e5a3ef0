"""Metadata and siblings on the pages: what Projects changes, and what Review and Compare offer."""

import pandas as pd
import small_project

from sslapp.store.database import writing
from sslapp.store.metadata.values import import_values
from sslapp.usecases.images.metadata import metadata_columns
from sslapp.usecases.projects.listing import project_list
from sslapp.usecases.reviewing.facets import MetadataFacet


def tell(access) -> None:
    views = {position: "AP" if position % 3 else "PA" for position in range(160)}
    with writing(access.engine) as conn:
        import_values(conn, 1, access.reader_id, {"view": views}, file="list.csv", sha256="")


def opened(open_app, access, name):
    return open_app(access.workspace.root, name)


def test_an_admin_lets_label_show_a_column(project, open_app) -> None:
    tell(project)
    page = open_app(project.workspace.root)
    toggle = next(each for each in page.toggle if each.label == "On Label")
    assert not toggle.value
    toggle.set_value(True).run()
    assert not page.exception, page.exception
    assert metadata_columns(project, 1)[0].shown


def test_the_last_import_is_taken_back(project, open_app) -> None:
    tell(project)
    with writing(project.engine) as conn:
        found = {"view": {0: "LL"}, "age": {1: "40"}}
        import_values(conn, 1, project.reader_id, found, file="more.csv", sha256="")
    page = open_app(project.workspace.root)
    told = [each.value.replace("\\", "") for each in page.caption]
    assert "Without the last import, more.csv: age goes; view: 1 value as before." in told
    next(each for each in page.button if each.label == "Take it back").click().run()
    assert not page.exception, page.exception
    assert [each.name for each in metadata_columns(project, 1)] == ["view"]
    assert "is taken back" in page.success[0].value
    assert not [each for each in page.button if each.label == "Take it back"]


def test_a_sibling_is_made_on_the_page(project, open_app) -> None:
    page = open_app(project.workspace.root)
    page.text_input(key="projects-sibling-1-name").input(small_project.NAME)
    page.text_input(key="projects-sibling-1-classes").input("even, odd")
    page.button(key="projects-sibling-create").click().run()
    assert any("There is a project Digits already" in each.value for each in page.caption)
    page.text_input(key="projects-sibling-1-name").input("Parity").run()
    page.button(key="projects-sibling-create").click().run()
    assert not page.exception, page.exception
    small_project.run_jobs(project)
    assert [each.name for each in project_list(project)] == ["Digits", "Parity"]


def test_review_colours_by_a_column_and_compare_tells_its_groups(reviewed, open_app) -> None:
    tell(reviewed)
    page = opened(open_app, reviewed, "review")
    page.selectbox(key="review-colour").select(MetadataFacet("view")).run()
    assert not page.exception, page.exception
    page = opened(open_app, reviewed, "compare")
    assert "Accuracy by group" in [each.value for each in page.subheader]
    groups = next(each.value for each in page.dataframe if "view" in each.value)
    assert isinstance(groups, pd.DataFrame)
    assert groups["view"].tolist() == ["AP", "PA"]
    shares = groups["Accuracy (95 % interval)"].tolist()
    assert [each.split("n = ")[1] for each in shares] == ["26", "14"]
