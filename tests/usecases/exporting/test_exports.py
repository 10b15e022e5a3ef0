"""Exports carry every label with where it comes from, and nothing that nobody decided."""

import io
import json
import zipfile
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
import pytest
import small_project

from sslapp import durable
from sslapp.datasets.export import BESIDE
from sslapp.store import images, label_classes
from sslapp.store.database import writing
from sslapp.store.errors import Unknown
from sslapp.store.images import NewImage
from sslapp.store.log import events
from sslapp.store.metadata.values import import_values
from sslapp.store.schema import event as event_table
from sslapp.store.schema import job
from sslapp.usecases.access import NotAllowed, enter, new_key
from sslapp.usecases.auditing.certificate import certify
from sslapp.usecases.auditing.in_force import count_proofs
from sslapp.usecases.auditing.wording import statement
from sslapp.usecases.exporting.exported import exported_file, exports_of
from sslapp.usecases.exporting.exports import Format, export, export_here
from sslapp.usecases.exporting.table import ALL_SOURCES, export_counts, first_rows
from sslapp.usecases.labelling import decisions, verdicts
from sslapp.usecases.projects.classes import add_class
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.reviewing import bulk_decisions
from sslapp.usecases.reviewing.candidates import propose
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import EventKind, JobState, Source

COLUMNS = {
    *("position", "name", "class", "source", "reader", "event", "round", "confidence"),
    *("proof", "group", "split", "sha256", "snapshot", "at", "holdout"),
    *("origin", "origin_workspace", "origin_event", "origin_round"),
}


@pytest.fixture
def decided(reviewed):
    """A project with labels of every source."""
    verdicts.accept(reviewed, None, [60])
    bulk_decisions.bulk_accept(reviewed, None, [61, 62], unproven=True)
    verdicts.relabel(reviewed, None, 63, "3")
    decisions.label(reviewed, None, 64, "4", adjudicate=True)
    decisions.label(reviewed, None, small_project.POOL, "8")
    verdicts.reject(reviewed, None, 65)
    bulk_decisions.withhold(reviewed, None, [66])
    return reviewed


def exported(access, target) -> dict:
    row = small_project.finish(access, export(access, None, target))
    assert row["state"] == JobState.DONE, row["error"]
    return row["result"]


def test_every_label_is_there_once_and_no_candidate(decided, tmp_path) -> None:
    result = exported(decided, tmp_path / "labels.csv")
    frame = pd.read_csv(tmp_path / "labels.csv")
    assert set(frame.columns) == COLUMNS
    assert frame["position"].tolist() == [*range(40), 60, 61, 62, 63, 64, small_project.POOL]
    assert result["rows"] == len(frame)
    proofs = frame.set_index("position")["proof"]
    assert set(proofs[:40]) == {"blind"}
    assert proofs[[60, 61, 62, 63, 64]].tolist() == ["seen", "unproven", "unproven", "seen", "seen"]
    assert proofs[small_project.POOL] == "blind"


def test_labels_that_were_given_again_after_their_snapshot_are_there(decided, tmp_path) -> None:
    first = exported(decided, tmp_path / "first.csv")
    again = decisions.label(decided, None, 0, "0")
    second = exported(decided, tmp_path / "second.csv")
    assert (second["snapshot"], second["rows"]) == (first["snapshot"], first["rows"])
    assert second["event"] >= again.number > first["event"]
    frame = pd.read_csv(tmp_path / "second.csv").set_index("position")
    assert frame.loc[0, "event"] == again.number


def test_sources_rounds_and_confidences_belong_together(decided, tmp_path) -> None:
    found = propose(decided, None, threshold=0.0).predictions
    exported(decided, tmp_path / "labels.parquet")
    frame = pd.read_parquet(tmp_path / "labels.parquet").set_index("position")
    accepted = frame[frame["source"] == "accepted"]
    assert accepted.index.tolist() == [60, 61, 62]
    assert accepted["round"].tolist() == [1, 1, 1]
    best = found.calibrated[[60, 61, 62]]
    assert accepted["class"].tolist() == [str(each) for each in best.argmax(axis=1)]
    assert np.allclose(accepted["confidence"], best.max(axis=1))
    others = frame[frame["source"] != "accepted"]
    assert others["round"].isna().all()
    assert others["confidence"].isna().all()
    assert frame.loc[63, ["class", "source"]].tolist() == ["3", "expert"]
    assert frame.loc[64, ["class", "source"]].tolist() == ["4", "adjudicated"]
    assert frame.loc[small_project.POOL, "split"] == "test"
    assert (frame["reader"] == "Ann").all()


def test_every_row_names_the_event_that_decided_it(decided, tmp_path) -> None:
    exported(decided, tmp_path / "labels.csv")
    frame = pd.read_csv(tmp_path / "labels.csv")
    events = {event.number: event for event in small_project.log(decided)}
    for row in frame.itertuples():
        event = events[row.event]
        about = [event.position] if event.members is None else event.members.tolist()
        assert row.position in about


def test_the_folder_holds_each_image_under_its_class(decided, tmp_path) -> None:
    result = exported(decided, tmp_path / "out")
    files = {path.parent.name for path in (tmp_path / "out" / "images").glob("*/*.png")}
    table = pd.read_csv(tmp_path / "out" / "labels.csv")
    assert files == set(table["class"].astype(str))
    assert all((tmp_path / "out" / name).exists() for name in table["file"])
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["snapshot"] == result["snapshot"]
    assert manifest["sources"] == {"accepted": 3, "adjudicated": 1, "expert": 42}
    stated = certify(decided, None)
    assert manifest["certificate"]["statement"] == statement(stated)
    assert manifest["certificate"]["precision"] == round(stated.precision, 6)
    assert export_counts(decided, 1).unproven.sum() == count_proofs(decided, 1)["unproven"] > 0


def test_a_decision_between_order_and_execution_loses_no_row(decided, tmp_path) -> None:
    job_id = export(decided, None, tmp_path / "labels.csv")
    decisions.label(decided, None, 0, "9")
    assert small_project.finish(decided, job_id)["state"] == JobState.DONE
    frame = pd.read_csv(tmp_path / "labels.csv").set_index("position")
    assert frame.loc[0, "class"] == 9
    assert len(frame) == 46


def test_a_retired_class_is_not_exported(decided, tmp_path) -> None:
    with writing(decided.engine) as conn:
        label_classes.retire_class(conn, 1, label_classes.classes(conn, 1)[3].id)
    exported(decided, tmp_path / "labels.csv")
    frame = pd.read_csv(tmp_path / "labels.csv")
    assert 3 not in frame["class"].tolist()
    assert set(frame["class"]) == set(range(10)) - {3}


@pytest.mark.slow
def test_a_label_accepted_in_an_old_round_keeps_that_rounds_confidence(decided, tmp_path) -> None:
    first = propose(decided, None, threshold=0.0).predictions.calibrated[60].max()
    start_round(decided, None, method="label-propagation")
    small_project.run_jobs(decided)
    (event,) = verdicts.accept(decided, None, [70])
    exported(decided, tmp_path / "labels.csv")
    frame = pd.read_csv(tmp_path / "labels.csv").set_index("position")
    assert frame.loc[[60, 70], "round"].tolist() == [1, 2]
    assert frame.loc[60, "confidence"] == pytest.approx(first)
    assert frame.loc[70, "confidence"] == pytest.approx(event.payload["confidence"], abs=1e-5)


@pytest.mark.parametrize("name", ["labels.csv", "labels.parquet", "out"])
def test_an_export_killed_after_writing_is_finished_by_the_next_attempt(
    name, decided, tmp_path
) -> None:
    job_id = export(decided, None, tmp_path / name)
    small_project.run_jobs(decided)
    with writing(decided.engine) as conn:  # as the kill before the last commit leaves it
        values = {"state": JobState.QUEUED, "result": None}
        conn.execute(job.update().where(job.c.id == job_id).values(values))
    row = small_project.finish(decided, job_id)
    assert (row["state"], row["attempt"], row["error"]) == (JobState.DONE, 2, None)


def test_an_existing_target_and_an_unknown_ending_are_refused(decided, tmp_path) -> None:
    (tmp_path / "there.csv").write_text("mine")
    with pytest.raises(ValueError, match="exists already"):
        export(decided, None, tmp_path / "there.csv")
    with pytest.raises(ValueError, match=r"end it in \.csv"):
        export(decided, None, tmp_path / "labels.ods")
    assert (tmp_path / "there.csv").read_text() == "mine"


def test_a_folder_that_appears_meanwhile_is_not_touched(decided, tmp_path) -> None:
    job_id = export(decided, None, tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    row = small_project.finish(decided, job_id)
    assert row["state"] == JobState.FAILED
    assert "exists already" in row["error"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "sources",
    [{Source.EXPERT}, {Source.ACCEPTED}, {Source.ADJUDICATED, Source.ACCEPTED}],
    ids=lambda each: "+".join(sorted(source.name for source in each)),
)
def test_only_labels_of_the_chosen_sources_leave_and_the_manifest_says_so(
    sources, decided, tmp_path
) -> None:
    counts = export_counts(decided, 1)
    names = {each.name.lower() for each in sources}
    job_id = export(decided, None, tmp_path / "labels.csv", sources=sources)
    result = small_project.finish(decided, job_id)["result"]
    frame = pd.read_csv(tmp_path / "labels.csv")
    assert set(frame["source"]) == names
    assert len(frame) == result["rows"] == counts.total(sources) > 0
    manifest = json.loads((tmp_path / "labels.csv.manifest.json").read_text())
    assert set(manifest["included_sources"]) == set(manifest["sources"]) == names


def test_a_source_without_labels_is_refused_at_once(project, tmp_path) -> None:
    with pytest.raises(ValueError, match="no label to export from accepted"):
        export(project, None, tmp_path / "labels.csv", sources=[Source.ACCEPTED])
    with pytest.raises(ValueError, match="from no source"):
        export_here(project, None, Format.CSV, sources=[])
    assert exports_of(project, 1) == []


def test_the_preview_shows_the_rows_and_counts_that_the_file_holds(decided, tmp_path) -> None:
    exported(decided, tmp_path / "labels.parquet")
    frame = pd.read_parquet(tmp_path / "labels.parquet").drop(columns="snapshot")
    shown = first_rows(decided, 1, ALL_SOURCES, 5)
    pd.testing.assert_frame_equal(shown, frame.head(5), check_dtype=False)
    counts = export_counts(decided, 1)
    for column, each in enumerate(counts.classes):
        for source in ALL_SOURCES:
            named = (frame["class"] == each.name) & (frame["source"] == source.name.lower())
            assert counts.counts[column, source] == named.sum()
    assert counts.total(ALL_SOURCES) == len(frame)


def test_a_label_accepted_for_a_class_that_the_round_did_not_know_has_no_confidence(
    reviewed, tmp_path
) -> None:
    add_class(reviewed, None, "eel")
    bulk_decisions.bulk_relabel(reviewed, None, [60, 61], "eel")
    exported(reviewed, tmp_path / "labels.csv")
    frame = pd.read_csv(tmp_path / "labels.csv").set_index("position")
    assert frame.loc[[60, 61], "class"].tolist() == ["eel", "eel"]
    assert frame.loc[[60, 61], "round"].tolist() == [1, 1]
    assert frame.loc[[60, 61], "confidence"].isna().all()


def test_what_is_kept_in_the_workspace_is_listed_and_can_be_fetched(decided) -> None:
    made = {format_: export_here(decided, None, format_) for format_ in (Format.CSV, Format.ZIP)}
    small_project.run_jobs(decided)
    newest, older = exports_of(decided, 1)
    assert (newest.job_id, older.job_id) == (made[Format.ZIP], made[Format.CSV])
    assert (older.state, older.by, older.rows) == (JobState.DONE, "Ann", 46)
    assert older.sources == {"expert": 42, "accepted": 3, "adjudicated": 1}
    assert older.fetchable and older.has_manifest
    found = exported_file(decided, older.job_id)
    assert found.path.is_relative_to(decided.workspace.root / "exports" / "1")
    assert found.path.stat().st_size == older.bytes
    assert durable.sha256(found.path) == older.sha256
    assert found.name.startswith("Digits-") and found.name.endswith("-labels.csv")
    manifest = json.loads(exported_file(decided, older.job_id, "manifest").path.read_text())
    assert manifest["snapshot"] == older.snapshot
    assert manifest["files"]["labels.csv"]["sha256"] == older.sha256


def test_two_exports_of_one_moment_do_not_share_a_file(decided) -> None:
    first, second = (export_here(decided, None, Format.CSV) for _ in range(2))
    small_project.run_jobs(decided)
    assert exported_file(decided, first).path != exported_file(decided, second).path


def test_a_project_exports_what_its_log_says_left_it(decided) -> None:
    job_id = export_here(decided, None, Format.PARQUET)
    line = small_project.finish(decided, job_id)["result"]
    said = [each for each in small_project.log(decided) if each.kind is EventKind.EXPORT][-1]
    assert said.payload["sha256"] == line["sha256"]
    assert said.payload["snapshot"] == line["snapshot"]
    assert small_project.damage(decided) is None


def test_only_members_fetch_and_only_exports_that_lie_in_the_workspace(decided, tmp_path) -> None:
    kept = export_here(decided, None, Format.CSV)
    elsewhere = export(decided, None, tmp_path / "labels.csv")
    waiting = export_here(decided, None, Format.CSV)
    small_project.run_jobs(decided)
    eve = enter(decided.workspace, "Eve")
    with pytest.raises(NotAllowed):
        exported_file(eve, kept)
    with pytest.raises(NotAllowed):
        exports_of(eve, 1)
    for absent in (elsewhere, 1, 999):  # written elsewhere, no export, no job
        with pytest.raises(Unknown):
            exported_file(decided, absent)
    hostile = {
        "state": JobState.DONE,
        "params": {"target": f"exports/1/../../{small_project.NAME}", "format": "csv"},
    }
    with writing(decided.engine) as conn:  # a row that points out of the folder is not followed
        conn.execute(job.update().where(job.c.id == waiting).values(hostile))
    (decided.workspace.root / small_project.NAME).write_text("secret")
    with pytest.raises(Unknown):
        exported_file(decided, waiting)
    eve.engine.dispose()


def test_one_projects_members_do_not_fetch_anothers_exports(decided) -> None:
    job_id = export_here(decided, None, Format.CSV)
    small_project.run_jobs(decided)
    bob = enter(decided.workspace, "Bob")
    create_project(bob, "Bob's own")
    with pytest.raises(NotAllowed):
        exported_file(bob, job_id)
    bob.engine.dispose()


HOSTILE = [
    "../../../etc/passwd",
    "/etc/passwd",
    "C:\\windows\\win.ini",
    "..\\..\\up.png",
    "a\0b.png",
    "%2e%2e/x.png",
    "=cmd|' /C calc'!A0.png",
    "con.png",
    ".hidden",
    "<img src=x onerror=alert(1)>.png",
    "x" * 900 + ".png",
]


@pytest.fixture
def hostile(project):
    """The project with images and a class whose names attack whoever unpacks an export."""
    rows = [NewImage(name, f"{i:064x}", 8, 8) for i, name in enumerate(HOSTILE)]
    pixels = np.zeros((len(rows), 8, 8, 1), dtype=np.uint8)
    durable.write_array(project.workspace.project(1) / "hostile.npy", pixels)
    stored = project.workspace.relative(project.workspace.project(1) / "hostile.npy")
    with writing(project.engine) as conn:
        images.add_image_set(conn, 1, "hostile", stored, rows, reader_id=project.reader_id)
    add_class(project, None, "../../up")
    for at in range(len(rows)):
        decisions.label(project, None, 160 + at, "../../up")
    return project


def test_no_name_leads_out_of_a_zip_and_its_table_names_its_files(hostile) -> None:
    job_id = export_here(hostile, None, Format.ZIP)
    assert small_project.finish(hostile, job_id)["state"] == JobState.DONE
    content = exported_file(hostile, job_id).path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        table = pd.read_csv(io.BytesIO(archive.read("labels.csv")))
        manifest = json.loads(archive.read("manifest.json"))
        assert archive.testzip() is None
    assert len(set(names)) == len(names) == small_project.LABELLED + len(HOSTILE) + 4
    for name in names:
        path = PurePosixPath(name)
        assert not path.is_absolute() and ".." not in path.parts and "\\" not in name
        assert not any(part.startswith(".") or len(part) > 160 for part in path.parts)
    assert set(table["file"]) == set(names) - set(BESIDE)
    assert set(manifest["files"]) == set(names) - {"manifest.json"}
    assert not table["name"].str.match(r"[=+\-@]").any()


def test_the_same_labels_give_the_same_zip(decided) -> None:
    jobs = [export_here(decided, None, Format.ZIP) for _ in range(2)]
    small_project.run_jobs(decided)
    first, second = (exported_file(decided, each).path.read_bytes() for each in jobs)
    assert first == second


def test_a_cancelled_export_leaves_no_file(decided) -> None:
    from sslapp.usecases.jobs import cancel_job

    job_id = export_here(decided, None, Format.ZIP)
    assert cancel_job(decided, job_id) == JobState.CANCELLED
    small_project.run_jobs(decided)
    assert not exports_of(decided, 1)[0].fetchable
    assert not list((decided.workspace.root / "exports").rglob("*.zip"))


def test_an_export_of_a_hand_made_event_log_equals_its_replay(decided, tmp_path) -> None:
    """The table against the events alone: what was undone is out, what was decided last counts."""
    with writing(decided.engine) as conn:
        accepted = conn.execute(
            event_table.select().where(event_table.c.kind == EventKind.BULK_ACCEPT)
        ).one()
        events.append(
            conn,
            1,
            EventKind.UNDO,
            key=new_key(),
            reader_id=decided.reader_id,
            target=accepted.number,
        )
    exported(decided, tmp_path / "labels.csv")
    frame = pd.read_csv(tmp_path / "labels.csv")
    assert frame["position"].tolist() == [*range(40), 60, 63, 64, small_project.POOL]


def test_metadata_are_columns_of_an_export_and_no_formula(project, tmp_path) -> None:
    with writing(project.engine) as conn:
        found = {"age": {0: "40", 1: "41.5"}, "site": {0: "=cmd()", 2: "B"}}
        import_values(conn, 1, project.reader_id, found, file="list.csv", sha256="")
    for name in ("labels.csv", "labels.parquet"):
        export(project, None, tmp_path / name)
    small_project.run_jobs(project)
    table, typed = (
        pd.read_csv(tmp_path / "labels.csv"),
        pd.read_parquet(tmp_path / "labels.parquet"),
    )
    for frame, formula in ((table, "'=cmd()"), (typed, "=cmd()")):
        rows = frame.set_index("position")
        assert rows["meta_age"].loc[[0, 1]].tolist() == [40.0, 41.5]
        assert rows["meta_site"].loc[0] == formula
        assert rows["meta_site"].isna().loc[[1, 3]].all()
        assert [*frame.columns][-3:] == ["meta_age", "meta_site", "snapshot"]
