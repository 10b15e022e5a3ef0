"""The choice of project that stands at the head of every page."""

from streamlit.testing.v1 import AppTest

from sslapp.usecases.projects.settings import create_project


def test_a_reader_goes_to_and_fro_between_projects(project, open_app) -> None:
    second = create_project(project, "Second", ["a", "b"])
    page: AppTest = open_app(project.workspace.root)
    page.switch_page("../pages/export.py").run()
    assert not page.exception
    for wanted in (1, second, 1, second):
        page.selectbox[0].select(wanted).run()
        assert not page.exception
        assert page.selectbox[0].value == wanted
        assert page.query_params["project"] == str(wanted)
    page.switch_page("../pages/train.py").run()
    assert page.selectbox[0].value == second
