"""Tables of labels that a browser sends: planned first, brought in whole, or refused."""

import pytest
import small_project

from sslapp.store.database import reading
from sslapp.store.labels import current_labels
from sslapp.usecases.access import enter
from sslapp.usecases.exporting.exports import export
from sslapp.usecases.images.incoming import uploads
from sslapp.usecases.images.incoming.sources import (
    SourceChoice,
    SourceKind,
    WrongFields,
    import_chosen,
)
from sslapp.usecases.images.incoming.uploads import Incoming, TooLarge
from sslapp.usecases.images.own_labels.plan import LabelPlan
from sslapp.usecases.images.own_labels.sorting import LabelChoice
from sslapp.usecases.labelling import decisions
from sslapp.usecases.labelling.label_lists import ListPlan
from sslapp.usecases.labelling.sent_tables import SentTable, import_sent, plan_sent
from sslapp.usecases.people.members import grant
from sslapp.vocabulary import JobState, Role, Source
from sslapp.workspace import Workspace

ASK = LabelChoice()


def send(access, name: str, content: bytes) -> str:
    incoming = Incoming(access, name, len(content))
    incoming.write(content)
    return incoming.finish().id


def held(access, *positions: int) -> list[tuple[str, str, Source]]:
    with reading(access.engine) as conn:
        found = current_labels(conn, 1, positions)
    return [(each.class_name, each.reader, each.source) for each in found.values()]


def test_a_list_is_planned_and_then_recorded_as_the_senders(project) -> None:
    decisions.label(project, None, 51, "4")
    decisions.label(project, None, 52, "4")
    grant(project, None, "Ben", Role.ADJUDICATOR)
    ben = enter(project.workspace, "Ben")
    decisions.label(ben, None, 53, "4", adjudicate=True)
    before = len(small_project.log(project))
    sent = SentTable(send(project, "mine.csv", b"position,class\n50,7\n51,4\n52,5\n53,5\n"))
    plan = plan_sent(project, 1, sent, ASK)
    assert isinstance(plan, ListPlan)
    assert (plan.new, plan.same, plan.instead, plan.settled) == (1, 1, 1, 1)
    assert (plan.file, plan.exported, plan.wrong) == ("mine.csv", False, {})
    assert plan.conflicts == ['line 4: "train/00052" is "4" here, "5" in the list.']
    assert plan.words()[0] == "4 labels of yours, 1 of them for images without one."
    assert len(small_project.log(project)) == before
    assert import_sent(project, 1, sent, ASK).number == 4
    assert held(project, 50, 51, 52) == [(each, "Ann", Source.EXPERT) for each in "745"]
    assert held(project, 53) == [("4", "Ben", Source.ADJUDICATED)]
    assert small_project.log(project)[-1].payload["origin"] == "mine.csv"
    assert [*project.workspace.uploads.iterdir()] == []
    ben.engine.dispose()


def test_wrong_lines_are_listed_under_the_name_that_was_sent(project) -> None:
    before = len(small_project.log(project))
    sent = SentTable(send(project, "mine.csv", b"position,class\n0,seven\n999999,4\n2,5\n"))
    plan = plan_sent(project, 1, sent, ASK)
    assert isinstance(plan, ListPlan)
    assert {kind: lines.count for kind, lines in plan.wrong.items()} == {"class": 1, "image": 1}
    assert plan.words()[0] == "No label would be saved."
    with pytest.raises(ValueError, match=r"mine\.csv line 2: class \"seven\".*\n.*line 3"):
        import_sent(project, 1, sent, ASK)
    assert len(small_project.log(project)) == before


def test_an_exported_table_keeps_who_gave_each_label_where_its_manifest_comes_too(
    project, tmp_path
) -> None:
    given = decisions.label(project, None, 50, "7")
    row = small_project.finish(project, export(project, None, tmp_path / "labels.csv"))
    assert row["state"] == JobState.DONE, row["error"]
    decisions.undo(project, None, given.number)
    grant(project, None, "Ben", Role.READER)
    ben = enter(project.workspace, "Ben")
    content = (tmp_path / "labels.csv").read_bytes()
    manifest = (tmp_path / "labels.csv.manifest.json").read_bytes()
    alone = plan_sent(ben, 1, SentTable(send(ben, "labels.csv", content)), ASK)
    assert isinstance(alone, ListPlan)
    assert alone.exported
    changed = send(ben, "labels.csv", content.replace(b"7", b"6"))
    with pytest.raises(ValueError, match=r"labels\.csv was changed since it was exported"):
        plan_sent(ben, 1, SentTable(changed, send(ben, "a.json", manifest)), ASK)
    both = SentTable(send(ben, "labels.csv", content), send(ben, "a.json", manifest))
    with pytest.raises(ValueError, match=r"a\.json is no manifest"):
        plan_sent(ben, 1, SentTable(both.table, send(ben, "a.json", b"{}")), ASK)
    plan = plan_sent(ben, 1, both, ASK)
    assert isinstance(plan, LabelPlan)
    assert (plan.file, plan.labels, plan.readers) == ("labels.csv", {"expert": 1}, ["Ann"])
    assert import_sent(ben, 1, both, ASK).number == 1
    assert held(ben, 50) == [("7", "Ann", Source.EXPERT)]
    ben.engine.dispose()


def test_what_is_no_table_or_no_pictures_is_sent_to_the_other_form(project) -> None:
    table = send(project, "labels.csv", b"position,class\n0,7\n")
    with pytest.raises(WrongFields, match=r"labels\.csv holds no pictures"):
        import_chosen(project, 1, SourceChoice(SourceKind.UPLOAD, table))
    pictures = send(project, "set.zip", b"PK\x03\x04")
    with pytest.raises(ValueError, match=r"set\.zip is no table of labels"):
        plan_sent(project, 1, SentTable(pictures), ASK)
    columns = send(project, "labels.parquet", b"PAR1 and so on")
    with pytest.raises(ValueError, match="not a readable Parquet file"):
        plan_sent(project, 1, SentTable(columns), ASK)
    with pytest.raises(ValueError, match="no Parquet file"):
        send(project, "labels.parquet", b"position,class")
    with pytest.raises(ValueError, match="empty"):
        send(project, "labels.csv", b"")


def test_a_table_is_bounded_below_what_an_archive_may_have(project, tmp_path) -> None:
    assert uploads.limit(project, ".zip") == project.workspace.upload_limit
    with pytest.raises(TooLarge, match="more than the 268,435,456 bytes that an upload may have"):
        Incoming(project, "labels.csv", uploads.LARGEST_TABLE + 1)
    small = enter(Workspace(workspace=tmp_path, upload_limit=10), "Ann")
    with pytest.raises(TooLarge, match="SSLAPP_UPLOAD_LIMIT"):
        Incoming(small, "labels.csv", 11)
    small.engine.dispose()
