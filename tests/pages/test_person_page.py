"""A name that was taken in a tab: the pages go by it, and one that is none shuts nobody in."""

import small_project

from sslapp.usecases.people.names import take_name


def test_a_tab_goes_on_under_the_name_in_its_address(open_app, project) -> None:
    ben = take_name(project, "Ben")
    page = open_app(project.workspace.root)
    assert "reader" not in page.query_params
    page.query_params["reader"] = str(ben)
    page.run()
    assert page.session_state["reader"] == ben
    page.text_input(key="workspace")  # the page was drawn
    page.query_params["reader"] = "999"
    page.run()
    assert page.title[0].value == "No access"
    next(each for each in page.button if each.label == "Go on without this name").click().run()
    assert not page.exception
    assert page.title[0].value == "Projects"
    assert "reader" not in page.query_params
    assert small_project.damage(project) is None
