"""Labels of a list and its further columns come in together, or neither."""

import pytest
import small_project

from sslapp.store.database import reading
from sslapp.store.images import names_and_hashes
from sslapp.store.labels import current_labels
from sslapp.store.metadata.columns import columns
from sslapp.store.metadata.values import values_of
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.labelling.lists import ListChoice, import_as, plan_as
from sslapp.usecases.people.members import grant
from sslapp.vocabulary import EventKind, Role

CHOICE = ListChoice(metadata=("age", "Site"))


@pytest.fixture
def listed(project, tmp_path):
    """A list as `plan_as` and `import_as` take it: three lines, one of them without a class."""
    with reading(project.engine) as conn:
        names = names_and_hashes(conn, 1)[0]
    lines = ["image,class,age,Site,note"]
    lines += [f"{names[at]},{name},{at},A,x" for at, name in ((50, "4"), (51, "5"), (52, ""))]
    path = tmp_path / "list.csv"
    path.write_text("\n".join(lines))
    return path, path.name


def held(access):
    with reading(access.engine) as conn:
        given = {at: each.class_name for at, each in current_labels(conn, 1, [50, 51, 52]).items()}
        return given, {each.name: values_of(conn, each.id) for each in columns(conn, 1)}


def test_they_come_together_in_one_transaction(project, listed) -> None:
    before = len(small_project.log(project))
    plan = plan_as(project, None, *listed, CHOICE)
    assert "Metadata: age: number, 3 values, as 50." in plan.words()
    assert 'Columns not read: "note".' in plan.words()
    assert (len(small_project.log(project)), held(project)[1]) == (before, {})
    assert import_as(project, None, *listed, CHOICE).number == 2
    given, kept = held(project)
    assert given == {50: "4", 51: "5"}
    assert kept == {"age": {50: "50", 51: "51", 52: "52"}, "Site": {50: "A", 51: "A", 52: "A"}}
    kinds = [each.kind for each in small_project.log(project)[before:]]
    assert kinds == [EventKind.LABEL, EventKind.LABEL, EventKind.IMPORT_METADATA]
    assert small_project.damage(project) is None


def test_neither_comes_where_one_cannot(project, listed) -> None:
    for wrong, why in ((("weight",), 'None of them is "weight"'), (("image",), "says which image")):
        with pytest.raises(ValueError, match=why):
            import_as(project, None, *listed, ListChoice(metadata=wrong))
    assert held(project) == ({}, {})
    grant(project, None, "Ben", Role.READER)
    ben = enter(project.workspace, "Ben")
    ben = type(ben)(**{**ben.__dict__, "server_admin": False})
    for bring in (plan_as, import_as):
        with pytest.raises(NotAllowed):
            bring(ben, None, *listed, CHOICE)
    ben.engine.dispose()
    assert held(project) == ({}, {})


def test_another_readers_labels_bring_theirs_too(project, listed) -> None:
    choice = ListChoice(given_by="Dr. Who", metadata=("age",))
    assert import_as(project, None, *listed, choice).number == 2
    assert [*held(project)[1]] == ["age"]
