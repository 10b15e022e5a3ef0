"""Hidden true labels from a list: taken in once, told to nobody, vouched for by the log."""

import json

import pytest
import small_project
from PIL import Image
from sqlalchemy import delete

from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.images import true_labels
from sslapp.store.label_classes import classes
from sslapp.store.schema import true_label
from sslapp.usecases.access import NotAllowed, enter
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.labelling.lists import ListChoice, ListUse, import_as, plan_as
from sslapp.usecases.people.members import grant
from sslapp.usecases.projects.settings import create_project
from sslapp.vocabulary import EventKind, Role
from sslapp.workspace import Workspace

TRUTH = ListChoice(use=ListUse.TRUTH)


@pytest.fixture
def bare(tmp_path):
    """A project of two imports of three pictures each, of which none has a true label."""
    access = enter(Workspace(workspace=tmp_path / "workspace"), "Ann")
    create_project(access, "Ward", ["0", "1", "2"])
    pictures, _ = small_project.digits(6)
    for first in (0, 3):
        folder = tmp_path / f"scans {first}"
        folder.mkdir()
        for number in range(first, first + 3):
            Image.fromarray(pictures[number]).save(folder / f"{number}.png")
        import_images(access, None, str(folder))
    small_project.run_jobs(access)
    yield access
    access.engine.dispose()


def write(path, **said) -> tuple:
    """A list of NAME=class lines, as `plan_as` and `import_as` take it."""
    path.write_text(
        "image,class\n" + "".join(f"{name[1:]}.png,{at}\n" for name, at in said.items())
    )
    return path, path.name, TRUTH


def held(access) -> list[str | None]:
    with reading(access.engine) as conn:
        names = {each.id: each.name for each in classes(conn, 1)} | {-1: None}
        return [names[each] for each in true_labels(conn, 1).tolist()]


def test_they_come_in_once_and_the_log_vouches_for_them(bare, tmp_path) -> None:
    first = write(tmp_path / "a.csv", _0="0", _3="2")
    before = len(small_project.log(bare))
    plan = plan_as(bare, None, *first)
    assert not plan.refused
    assert plan.words()[0].startswith("2 hidden true labels for images without one.")
    assert (len(small_project.log(bare)), held(bare)) == (before, [None] * 6)
    saved = import_as(bare, None, *first)
    assert (saved.number, saved.said) == (2, "2 hidden true labels imported.")
    assert import_as(bare, None, *write(tmp_path / "b.csv", _0="0", _1="1")).number == 1
    assert held(bare) == ["0", "1", None, "2", None, None]
    made = small_project.log(bare)[before:]
    assert [each.kind for each in made] == [EventKind.IMPORT_TRUTH] * 2
    assert [each["first"] for each in made[0].payload["imports"]] == [0, 3]
    assert [each["first"] for each in made[1].payload["imports"]] == [0]
    # what readers may read of the log tells no class
    assert {*made[0].payload} == {"file", "sha256", "images", "imports"}
    assert (made[0].members, made[0].class_id) == (None, None)
    assert small_project.damage(bare) is None


def test_one_that_would_change_is_refused_and_nobody_learns_which(bare, tmp_path) -> None:
    import_as(bare, None, *write(tmp_path / "a.csv", _0="0", _1="1", _2="2"))
    events = len(small_project.log(bare))
    other = write(tmp_path / "b.csv", _0="0", _1="2", _2="1", _3="0")
    plan = plan_as(bare, None, *other)
    assert plan.refused
    said = plan.words()[1]
    assert "2 of these differ from one that is here and 1 agree" in said and '"scans 0"' in said
    assert "1.png" not in json.dumps(plan.outcome())
    with pytest.raises(Refused, match="A true label never changes: 2 of these differ"):
        import_as(bare, None, *other)
    with pytest.raises(Refused, match="All of these 1 true labels are here already"):
        import_as(bare, None, *write(tmp_path / "c.csv", _0="0"))
    with pytest.raises(ValueError, match=r'No true label was saved.\nd\.csv line 2: class "9"'):
        import_as(bare, None, *write(tmp_path / "d.csv", _3="9"))
    assert (held(bare)[3], len(small_project.log(bare))) == (None, events)


def test_only_admins_bring_them_and_see_the_counts(bare, tmp_path) -> None:
    grant(bare, None, "Ben", Role.ADJUDICATOR)
    ben = enter(bare.workspace, "Ben")
    ben = type(ben)(**{**ben.__dict__, "server_admin": False})
    about = write(tmp_path / "a.csv", _0="0")
    for bring in (plan_as, import_as):
        with pytest.raises(NotAllowed):
            bring(ben, None, *about)
    ben.engine.dispose()
    assert held(bare) == [None] * 6


@pytest.mark.slow
def test_a_true_label_that_is_gone_is_noticed(bare, tmp_path) -> None:
    import_as(bare, None, *write(tmp_path / "a.csv", _0="0", _4="1"))
    with writing(bare.engine) as conn:
        conn.execute(delete(true_label).where(true_label.c.position == 4))
    assert "images 3 to 5" in (small_project.damage(bare) or "")
