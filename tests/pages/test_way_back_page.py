"""The Projects page takes back what was imported or made wrongly."""

import small_project

from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.people.members import grant
from sslapp.usecases.projects.listing import project_list
from sslapp.usecases.projects.status import status
from sslapp.vocabulary import Role


def said(page) -> str:
    kinds = ("caption", "warning", "error")
    return "\n".join(each.value for kind in kinds for each in page.get(kind)).replace("\\", "")


def test_the_newest_import_is_withdrawn_after_it_was_said_what_goes(
    project, open_app, tmp_path
) -> None:
    source = small_project.write_more(tmp_path / "more.npz")
    small_project.finish(project, import_images(project, None, str(source)))
    more = status(project).sets[-1]
    page = open_app(project.workspace.root)
    page.session_state[f"projects-withdraw-{more.id}"] = True
    page.run()
    assert f'"more" goes: {more.count} images' in said(page)
    page.button(key="projects-withdraw").click().run()
    assert not page.exception, page.exception
    assert status(project).counts["images"] == small_project.POOL + small_project.TEST
    first = status(project).sets[-1]
    page.session_state[f"projects-withdraw-{first.id}"] = True
    page.run()
    assert page.button(key="projects-withdraw").disabled
    assert "stays: event" in said(page)


def test_a_project_is_deleted_by_whoever_types_its_name(project, open_app) -> None:
    grant(project, None, "Bo", Role.READER)
    other = open_app(project.workspace.root, reader="Bo")
    assert not [each for each in other.expander if each.label == "Delete this project"]
    page = open_app(project.workspace.root)
    page.session_state["projects-delete-1"] = True
    page.run()
    assert "160 images" in said(page)
    assert page.button(key="projects-delete").disabled
    page.text_input(key="projects-delete-1-name").input("Digit").run()
    page.button(key="projects-delete").click().run()
    assert "is not its name" in said(page)
    assert project_list(project)
    page.text_input(key="projects-delete-1-name").input("Digits").run()
    page.button(key="projects-delete").click().run()
    assert not page.exception, page.exception
    assert "project" not in page.query_params
    assert [each.value for each in page.title] == ["No project yet"]
    other.run()  # who has it open still
    assert not other.exception, other.exception
    assert [each.value for each in other.title][-1].startswith("No project")
