"""Creating a project: all of it or nothing, and each fault at its field."""

import dataclasses

import pytest
import small_project

from sslapp.store.projects import ProjectSettings
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.images.embeddings import newest_embedding
from sslapp.usecases.images.incoming.creation import NewProject, class_names, create, ensure_demo
from sslapp.usecases.images.incoming.sources import SourceChoice, SourceKind, WrongFields
from sslapp.usecases.projects.listing import known_projects
from sslapp.usecases.projects.status import status
from sslapp.usecases.training.progress import live_jobs
from sslapp.vocabulary import JobKind
from sslapp.workspace import Workspace

DIGITS = SourceChoice(SourceKind.NAMED, "digits")


@pytest.fixture
def access(tmp_path):
    made = enter(Workspace(workspace=tmp_path), "Ann")
    yield made
    made.engine.dispose()


def new(**changes) -> NewProject:
    return NewProject(**{"name": "New", "source": DIGITS, "encoder": "pixels", **changes})


def faults(access, **changes) -> dict[str, str]:
    with pytest.raises(WrongFields) as caught:
        create(access, new(**changes))
    return caught.value.fields


@pytest.mark.slow
def test_a_project_comes_with_its_import_and_embedding(access) -> None:
    settings = ProjectSettings(image_size=32, grey=True, flip=True, single_reads=False)
    project = create(access, new(settings=settings))
    assert [each.kind for each in live_jobs(access, project).active] == [
        JobKind.IMPORT,
        JobKind.EMBED,
    ]
    small_project.run_jobs(access)
    found = status(access, project)
    assert (found.settings, found.counts["images"]) == (settings, 1797)
    assert [each.name for each in found.classes] == [str(digit) for digit in range(10)]
    assert newest_embedding(access, project).count == 1797


@pytest.mark.slow
def test_an_encoder_that_nobody_chose_suits_the_size_of_the_images(access) -> None:
    project = create(access, new(encoder=None))
    small_project.run_jobs(access)
    assert newest_embedding(access, project).encoder == "pixels"


def test_a_project_may_begin_without_images(access) -> None:
    project = create(access, new(source=SourceChoice(SourceKind.NONE), classes=("cat", "dog")))
    found = status(access, project)
    assert [each.name for each in found.classes] == ["cat", "dog"]
    assert live_jobs(access, project).active == []


def test_all_faults_are_told_at_once_each_at_its_field(access) -> None:
    create(access, new(source=SourceChoice(SourceKind.NONE)))
    found = faults(
        access,
        classes=("cat", "Cat"),
        encoder="/tmp/weights.pt",
        source=SourceChoice(SourceKind.NAMED, "http://127.0.0.1/"),
    )
    assert found.keys() == {"name", "classes", "encoder", "source"}
    assert found["name"] == "There is a project New already. Choose another name."
    assert "Cat is there twice" in found["classes"]
    assert "Choose one of pixels" in found["encoder"]
    assert faults(access, name=" ") == {"name": "A project's name has 1 to 200 characters."}
    assert "200 characters" in faults(access, name="Long", classes=("x" * 201,))["classes"]


def test_a_fault_leaves_nothing_behind(access) -> None:
    faults(access, encoder="none")
    project = create(access, new())  # the name is still free
    assert [each.id for each in known_projects(access)] == [project]


def test_only_a_server_admin_creates_projects(access) -> None:
    reader = dataclasses.replace(access, server_admin=False)
    with pytest.raises(NotAllowed, match="Only a server admin may create projects"):
        create(reader, new())
    with pytest.raises(NotAllowed):
        ensure_demo(reader)


def test_the_demo_is_made_once(access) -> None:
    assert ensure_demo(access)
    assert not ensure_demo(access)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        ("cat, dog", ("cat", "dog")),
        ("cat\n dog ,\n\n, cow\n", ("cat", "dog", "cow")),
        ("lung nodule\nnone", ("lung nodule", "none")),
    ],
)
def test_classes_are_read_one_a_line_or_with_commas(text, names) -> None:
    assert class_names(text) == names
