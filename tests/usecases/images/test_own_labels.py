"""An own export comes back with who gave each label, when and how."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest
import small_project

from sslapp.datasets.export import BESIDE
from sslapp.store.database import reading, writing
from sslapp.store.errors import Refused
from sslapp.store.labels import current_labels, givers
from sslapp.store.log import events
from sslapp.store.state import load_state
from sslapp.usecases.access import enter, new_key
from sslapp.usecases.auditing.certificate import certify
from sslapp.usecases.exporting.exports import export
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.images.incoming.sources import (
    SourceChoice,
    SourceKind,
    import_chosen,
    plan_chosen,
)
from sslapp.usecases.images.own_labels.plan import plan_import
from sslapp.usecases.images.own_labels.recording import import_labels
from sslapp.usecases.images.own_labels.sorting import Conflicts, LabelChoice
from sslapp.usecases.labelling import decisions, verdicts
from sslapp.usecases.labelling.worksheets import label_from_list
from sslapp.usecases.people.members import grant
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.usecases.reviewing import bulk_decisions
from sslapp.vocabulary import EventKind, JobState, Role, Source
from sslapp.workspace import Workspace

KEPT = ["name", "class", "source", "reader", "at", "confidence", "holdout", "split", "sha256"]
NONE = 70


@pytest.fixture(scope="module")
def told(with_round, tmp_path_factory):
    """A table, an archive and the rows of a project with labels of every source by two readers."""
    folder = tmp_path_factory.mktemp("told")
    ann = small_project.copy(with_round, folder / "workspace")
    grant(ann, None, "Ben", Role.ADJUDICATOR)
    ben = enter(ann.workspace, "Ben")
    verdicts.accept(ann, None, 60)
    bulk_decisions.bulk_accept(ben, None, [61, 62], unproven=True)
    decisions.label(ben, None, 63, "4", adjudicate=True)
    decisions.label(ben, None, small_project.POOL, "8")
    with reading(ann.engine) as conn:
        ids = load_state(conn, 1).class_ids
    with writing(ann.engine) as conn:
        events.append(
            *(conn, 1, EventKind.AUDIT_NONE),
            key=new_key(),
            reader_id=ben.reader_id,
            position=NONE,
            member_classes=ids,
        )
    for name in ("labels.csv", "labels.parquet", "images.zip"):
        row = small_project.finish(ann, export(ann, None, folder / name))
        assert row["state"] == JobState.DONE, row["error"]
    ann.engine.dispose()
    ben.engine.dispose()
    return folder


@pytest.fixture
def carl(tmp_path):
    """Carl in a workspace without a project."""
    access = enter(Workspace(workspace=tmp_path / "other"), "Carl")
    yield access
    access.engine.dispose()


def rows(path) -> pd.DataFrame:
    return pd.read_parquet(path).sort_values("name", ignore_index=True)


def exported_again(access, path) -> pd.DataFrame:
    row = small_project.finish(access, export(access, None, path))
    assert row["state"] == JobState.DONE, row["error"]
    return rows(path)


def with_images(access, tmp_path) -> None:
    """The same images in a project of other positions: as pictures of an archive without labels."""
    create_project(access, "Other", [str(each) for each in range(10)])
    import_images(access, None, str(small_project.write_npz(tmp_path / "digits.npz")))
    small_project.run_jobs(access)


def check_provenance(first: pd.DataFrame, second: pd.DataFrame, access) -> None:
    pd.testing.assert_frame_equal(second[KEPT], first[KEPT], check_dtype=False)
    assert set(second["source"]) == {"expert", "adjudicated", "accepted", "none of these"}
    assert set(second["reader"]) == {"Ann", "Ben"}
    assert second["origin_event"].tolist() == first["event"].tolist()
    assert set(second["origin"]) == {small_project.NAME}
    assert set(second["origin_workspace"]) == {small_project.WORKSPACE}
    assert second["round"].isna().all()
    assert set(second.loc[second["source"] == "accepted", "origin_round"]) == {1}
    assert second["source"].tolist().count("none of these") == 1
    assert small_project.damage(access) is None
    with reading(access.engine) as conn:
        state = load_state(conn, 1)
        assert givers(conn, 1, len(state.labels)).names == ("Ann", "Ben"), "not who imported"
    assert state.holdout.sum() == first["holdout"].sum() == 6
    assert not np.isin(np.flatnonzero(state.holdout), state.labelled).any()
    assert len(state.validation) == 6
    assert len(state.none_of_these) == 1
    assert not np.isin(state.none_of_these, state.pool).any()
    assert (state.source == Source.ACCEPTED).sum() == 3
    assert state.reader_actions == 0
    assert certify(access, None).blind == 0


@pytest.mark.slow
def test_an_archive_comes_into_a_fresh_project_as_it_was(told, carl, tmp_path) -> None:
    create_project(carl, "Fresh")
    row = small_project.finish(carl, import_images(carl, None, str(told / "images.zip")))
    assert row["state"] == JobState.DONE, row["error"]
    assert row["result"]["refused"] == []
    assert row["result"]["labels"]["labels"] == {"expert": 41, "adjudicated": 1, "accepted": 3}
    first, second = rows(told / "labels.parquet"), exported_again(carl, tmp_path / "again.parquet")
    check_provenance(first, second, carl)
    # the origin is carried on by an export of the export
    create_project(carl, "Third")
    small_project.run_jobs(carl)
    export_of = exported_zip(carl, tmp_path)
    small_project.finish(carl, import_images(carl, "Third", export_of))
    row = small_project.finish(carl, export(carl, "Third", tmp_path / "third.parquet"))
    third = rows(tmp_path / "third.parquet")
    origins = ["origin", "origin_workspace", "origin_event", "origin_round"]
    pd.testing.assert_frame_equal(third[[*KEPT, *origins]], second[[*KEPT, *origins]])


@pytest.mark.slow
@pytest.mark.parametrize("part", [".", "labels.csv", "images"])
def test_of_an_exported_folder_any_part_brings_pictures_and_classes(
    told, carl, tmp_path, part
) -> None:
    with zipfile.ZipFile(told / "images.zip") as file:
        file.extractall(tmp_path / "out")
    create_project(carl, "Fresh")
    source = tmp_path / "out" / part
    row = small_project.finish(carl, import_images(carl, None, str(source)))
    assert row["state"] == JobState.DONE, row["error"]
    assert row["step"] == row["total"]
    assert [each.name for each in status(carl, None).classes] == [str(each) for each in range(10)]
    whole = part != "images"  # which holds neither test images nor those of no class
    assert row["result"]["images"] >= 40
    assert ("labels" in row["result"]) is whole


def exported_zip(access, tmp_path) -> str:
    row = small_project.finish(access, export(access, "Fresh", tmp_path / "again.zip"))
    assert row["state"] == JobState.DONE, row["error"]
    return str(tmp_path / "again.zip")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["labels.csv", "labels.parquet"])
def test_a_table_labels_images_that_are_here_as_it_says(told, carl, tmp_path, name) -> None:
    with_images(carl, tmp_path)
    plan = plan_import(carl, None, told / name)
    assert plan is not None
    assert (plan.holdout, plan.none_of_these, plan.same, plan.left_out) == (6, 1, 0, {})
    assert plan.readers == ["Ann", "Ben"]
    assert any("round 1 of Digits" in each for each in plan.lost)
    assert import_labels(carl, None, told / name) == plan
    check_provenance(
        rows(told / "labels.parquet"), exported_again(carl, tmp_path / "again.parquet"), carl
    )
    again = import_labels(carl, None, told / name)
    assert (again.labels, again.same) == ({}, 46)


def test_who_gave_a_label_is_who_gave_it_first(told, carl, tmp_path) -> None:
    with_images(carl, tmp_path)
    import_labels(carl, None, told / "labels.csv")
    with reading(carl.engine) as conn:
        held = current_labels(conn, 1, [0, 61])
    assert [(each.reader, each.source) for each in held.values()] == [
        ("Ann", Source.EXPERT),
        ("Ben", Source.ACCEPTED),
    ]


def test_the_page_shows_the_plan_and_brings_in_a_table_at_once(
    told, carl, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("SSLAPP_IMPORT_ROOTS", str(told))
    carl = enter(Workspace(workspace=carl.workspace.root), "Carl")
    with_images(carl, tmp_path)
    archive = SourceChoice(SourceKind.SERVER, "images.zip")
    fresh, here = (plan_chosen(carl, each, archive, LabelChoice()) for each in (None, 1))
    assert (fresh.pictures, fresh.twice, fresh.holdout) == (46, 0, 6)
    assert (here.pictures, here.here, here.twice) == (46, 0, 46)  # other files with equal pixels
    with zipfile.ZipFile(told / "images.zip") as archived:
        held = sum(each.file_size for each in archived.infolist() if each.filename not in BESIDE)
    assert (fresh.tests, fresh.groups, fresh.bytes) == (1, 0, held)
    assert fresh.words()[0].startswith("46 new images with their labels, 1 of them test; ")
    few = plan_chosen(carl, None, archive, LabelChoice(), ["0"])
    assert few.left_out['the project has no class "1"'][0] > 0
    for name in ("labels.csv", "labels.parquet"):
        table = SourceChoice(SourceKind.SERVER, name)
        assert plan_chosen(carl, 1, table, LabelChoice()).labels["accepted"] == 3
    assert import_chosen(carl, 1, table) is None
    assert plan_chosen(carl, 1, table, LabelChoice()).same == 46
    assert plan_chosen(carl, 1, SourceChoice(SourceKind.NAMED, "digits"), LabelChoice()) is None
    carl.engine.dispose()


def test_an_import_is_taken_back_as_one(told, carl, tmp_path) -> None:
    with_images(carl, tmp_path)
    import_labels(carl, None, told / "labels.csv")
    newest = small_project.log(carl)[-1]
    assert newest.kind is EventKind.IMPORT_NONE
    decisions.undo(carl, None, newest.number)
    with reading(carl.engine) as conn:
        state = load_state(conn, 1)
    assert (state.labels == -1).all()
    assert not state.forbidden.any()
    assert state.holdout.sum() == 6  # once drawn, never trained on
    assert small_project.damage(carl) is None


@pytest.mark.slow
def test_an_import_that_was_taken_back_comes_back_as_one(told, carl, tmp_path) -> None:
    with_images(carl, tmp_path)
    import_labels(carl, None, told / "labels.csv")
    before = small_project.log(carl)
    with reading(carl.engine) as conn:
        brought = load_state(conn, 1)
    assert len({each.kind for each in before if each.kind.startswith("import_")}) == 4
    first = next(each.number for each in before if each.kind is EventKind.IMPORT_ACCEPTED)
    undo = decisions.undo(carl, None, first)
    again = decisions.undo(carl, None, undo.number)
    check_same(carl, brought)
    with pytest.raises(Refused, match="is undone already"):
        decisions.undo(carl, None, undo.number)
    decisions.undo(carl, None, again.number)
    with reading(carl.engine) as conn:
        assert (load_state(conn, 1).labels == -1).all()
    decisions.undo(carl, None, small_project.log(carl)[-1].number)
    check_same(carl, brought)
    assert small_project.damage(carl) is None


def check_same(access, before) -> None:
    with reading(access.engine) as conn:
        now = load_state(conn, 1)
    for name in ("labels", "source", "forbidden", "none_of_these"):
        np.testing.assert_array_equal(getattr(now, name), getattr(before, name))


@pytest.mark.slow
def test_a_label_here_is_not_overwritten_unless_that_is_chosen(told, carl, tmp_path) -> None:
    with_images(carl, tmp_path)
    truth = small_project.digits(1)[1][0]
    decisions.label(carl, None, 0, str((truth + 1) % 10))
    decisions.label(carl, None, NONE, "1")
    kept = "it has another label here, which stays"
    plan = plan_import(carl, None, told / "labels.csv")
    assert plan.left_out[kept][0] == 1
    assert plan.none_of_these == 0
    with pytest.raises(ValueError, match=rf"No label was saved\.\nLeft out, 1: {kept}"):
        label_from_list(carl, None, told / "labels.csv")
    import_labels(carl, None, told / "labels.csv")
    with reading(carl.engine) as conn:
        assert current_labels(conn, 1, [0])[0].reader == "Carl"
    import_labels(carl, None, told / "labels.csv", LabelChoice(Conflicts.REPLACE))
    with reading(carl.engine) as conn:
        assert current_labels(conn, 1, [0])[0].reader == "Ann"
        assert current_labels(conn, 1, [NONE])[NONE].class_name == "1"


def test_what_has_no_class_or_image_here_is_listed_and_left_out(told, carl, tmp_path) -> None:
    create_project(carl, "Few", ["0", "1"])
    pictures, _ = small_project.digits(30)
    np.savez(tmp_path / "few.npz", train_images=pictures)
    import_images(carl, None, str(tmp_path / "few.npz"))
    small_project.run_jobs(carl)
    plan = import_labels(carl, None, told / "labels.csv")
    assert plan.left_out["the project has no image of this content"][0] == 46 - 30
    assert plan.left_out['the project has no class "2"'][0] == 3
    assert sum(plan.labels.values()) == 6
    added = import_labels(carl, None, told / "labels.csv", LabelChoice(add_classes=True))
    assert sorted(added.add_classes) == [str(each) for each in range(2, 10)]
    assert sum(added.labels.values()) == 24


def test_a_table_that_was_changed_is_no_export(told, carl, tmp_path) -> None:
    with_images(carl, tmp_path)
    for name in ("labels.csv", "labels.csv.manifest.json"):
        (tmp_path / name).write_bytes((told / name).read_bytes())
    text = (tmp_path / "labels.csv").read_text().replace("Ben", "Carl")
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(ValueError, match="was changed since it was exported"):
        plan_import(carl, None, tmp_path / "labels.csv")
    (tmp_path / "labels.csv.manifest.json").unlink()
    assert plan_import(carl, None, tmp_path / "labels.csv") is None


def test_a_picture_that_is_not_what_was_exported_is_refused(told, carl, tmp_path) -> None:
    create_project(carl, "Fresh")
    with zipfile.ZipFile(told / "images.zip") as old:
        held = {name: old.read(name) for name in old.namelist()}
    pictures = json.loads(held["manifest.json"])["files"].keys() - set(BESIDE)
    first, second, *_ = sorted(pictures)
    held[first] = held[second]
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as new:
        for name, content in held.items():
            new.writestr(name, content)
    row = small_project.finish(carl, import_images(carl, None, str(tmp_path / "images.zip")))
    assert [each["reason"] for each in row["result"]["refused"]] == [
        "it cannot be read (it is not what was exported)"
    ]
    left = row["result"]["labels"]["left_out"]
    assert left["its image was not taken in"][0] == 1
