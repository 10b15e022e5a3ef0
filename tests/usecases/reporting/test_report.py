"""The report says what the log says, needs nothing from outside, and runs nothing from data."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import small_project
import torch

from sslapp.store import label_classes
from sslapp.store.database import reading, writing
from sslapp.store.schema import image_set, label_class, project
from sslapp.store.state import load_state
from sslapp.training.calibration.temperature import expected_calibration_error
from sslapp.usecases.exporting.exports import Format, export, export_here
from sslapp.usecases.exporting.table import export_counts
from sslapp.usecases.labelling import decisions, verdicts
from sslapp.usecases.projects.classes import add_class
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.usecases.reporting.markup import Markup, element
from sslapp.usecases.reporting.page import render
from sslapp.usecases.reporting.report import gather
from sslapp.usecases.reviewing import bulk_decisions
from sslapp.usecases.training.history import history
from sslapp.vocabulary import EventKind, JobState, Source
from sslapp.words import proportion

ATTACK = '<img src=x onerror="alert(1)"></script><script>alert(2)</script><b>bold</b>'
OURS = {
    *("html", "head", "meta", "title", "style", "body", "header", "section", "h1", "h2", "h3"),
    *("p", "dl", "dt", "dd", "div", "table", "thead", "tbody", "tr", "th", "td", "span"),
    *("strong", "code", "pre", "figure", "figcaption", "script"),
}


class Reader(HTMLParser):
    """What a browser would make of the page: its elements, and its text by element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.words: list[str] = []
        self.inside: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag != "meta":
            self.inside.append(tag)

    def handle_endtag(self, tag):
        assert self.inside.pop() == tag

    def handle_data(self, data):
        if self.inside and self.inside[-1] == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        elif not self.inside or self.inside[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def policy(self) -> str:
        (found,) = [a["content"] for _, a in self.elements if a.get("http-equiv")]
        return found


def report(access, project_id: int = 1):
    with reading(access.engine) as conn:
        return gather(conn, access.workspace, project_id)


def page(access, project_id: int = 1) -> Reader:
    return Reader(render(report(access, project_id)))


def rows_of(found: Reader) -> list[str]:
    return [" ".join(each.split()) for each in found.words]


@pytest.fixture
def decided(reviewed):
    """Round 1 judged: three accepted, one relabelled, one rejected, some in bulk."""
    with reading(reviewed.engine) as conn:
        names = {each.id: each.name for each in label_classes.classes(conn, 1)}
    (first,) = verdicts.accept(reviewed, None, [60])
    undone = verdicts.accept(reviewed, None, [61])
    decisions.undo(reviewed, None, undone[0].number)
    verdicts.relabel(reviewed, None, 63, "3")
    verdicts.reject(reviewed, None, 65)
    bulk_decisions.bulk_accept(reviewed, None, [70, 71, 72], opened=2, unproven=True)
    bulk_decisions.withhold(reviewed, None, [80, 81])
    bulk_decisions.bulk_relabel(reviewed, None, [90], names[first.class_id])
    for at, milliseconds in ((100, 1000), (101, 3000), (102, 2000)):
        decisions.label(reviewed, None, at, "3", payload={"active_ms": milliseconds})
    return reviewed


def test_its_counts_are_those_of_the_project(decided) -> None:
    found, now = report(decided), status(decided)
    assert found.counts == now.counts
    assert found.head == now.head
    assert found.rounds == history(decided, 1).lines
    counts = export_counts(decided, 1)
    for column, each in enumerate(counts.classes):
        assert found.per_class[each.id].tolist() == counts.counts[column].tolist()


def test_verdicts_count_what_stands_by_round_and_proposed_class(decided) -> None:
    (found,) = report(decided).verdicts
    total = dict.fromkeys(vars(next(iter(found.by_class.values()))), 0)
    for line in found.by_class.values():
        for name in total:
            total[name] += getattr(line, name)
    assert found.number == 1
    assert total == {
        "accepted": 1,  # the second acceptance was undone
        "relabelled": 1,
        "rejected": 1,
        "accepted_in_bulk": 3,
        "relabelled_in_bulk": 1,
        "withheld": 2,
    }
    probabilities, _ = small_project.published(decided)
    with reading(decided.engine) as conn:
        ids = [each.id for each in label_classes.classes(conn, 1)]
    for name, positions in (("relabelled", [63]), ("withheld", [80, 81]), ("rejected", [65])):
        proposed = {ids[probabilities[at].argmax()] for at in positions}
        assert {c for c, line in found.by_class.items() if getattr(line, name)} == proposed


def test_shares_stand_with_their_n_and_exact_interval(decided) -> None:
    text = page(decided).text
    assert proportion(1 / 3, 3) in text
    (line,) = history(decided, 1).lines
    assert proportion(line.accuracy, line.holdout) in text


def test_actions_are_counted_by_day_and_their_time_is_the_median(decided) -> None:
    found = report(decided).activity
    made = [each for each in small_project.log(decided) if each.kind is EventKind.LABEL]
    assert sum(found.counts["Label"]) == len(made)
    assert sum(found.counts["Undo"]) == 1
    assert found.seconds == {"Label": (2.0, 3)}
    assert len(found.days) == (found.days[-1] - found.days[0]).days + 1


def test_the_newest_round_is_held_against_its_own_snapshot(decided) -> None:
    judged = report(decided).judged
    (line,) = history(decided, 1).lines
    assert judged.confusion.sum() == line.holdout == judged.raw.counts.sum()
    assert judged.confusion.trace() / line.holdout == pytest.approx(line.accuracy)
    probabilities, _ = small_project.published(decided)
    with reading(decided.engine) as conn:
        held = load_state(conn, 1).validation
    sure = torch.from_numpy(probabilities[held])
    truth = torch.from_numpy(small_project.true_columns(decided)[held])
    assert judged.raw.error == pytest.approx(expected_calibration_error(sure, truth))


def test_verdicts_go_by_what_the_round_proposes_after_rejections_and_retirements(reviewed) -> None:
    probabilities, _ = small_project.published(reviewed)
    with reading(reviewed.engine) as conn:
        ids = [each.id for each in label_classes.classes(conn, 1)]
    first, second, third, fourth = (ids[each] for each in np.argsort(-probabilities[60])[:4])
    verdicts.reject(reviewed, None, 60)
    names = {each.id: each.name for each in status(reviewed).classes}
    verdicts.relabel(reviewed, None, 60, names[fourth])

    def relabelled() -> set[int]:
        (found,) = report(reviewed).verdicts
        return {each for each, line in found.by_class.items() if line.relabelled}

    assert relabelled() == {second}
    with writing(reviewed.engine) as conn:
        label_classes.retire_class(conn, 1, second)
    assert relabelled() == {third}
    assert {each for each, line in report(reviewed).verdicts[0].by_class.items() if line.rejected}
    assert first != second


def test_the_holdout_is_judged_without_what_was_ruled_out(reviewed) -> None:
    before = report(reviewed).judged
    rows = np.array([5, 11, 17, 23, 29, 35])
    probabilities, _ = small_project.published(reviewed)
    truth = small_project.true_columns(reviewed)[rows]
    predicted = probabilities[rows].argmax(axis=1)
    (wrong, *_) = np.flatnonzero(predicted != truth)
    with reading(reviewed.engine) as conn:
        ids = [each.id for each in label_classes.classes(conn, 1)]
    # judged before it was drawn into the holdout, in a log of an earlier version
    ruled_out = {"position": int(rows[wrong]), "class_id": ids[predicted[wrong]], "round_id": 1}
    small_project.plant(reviewed, EventKind.REJECT, **ruled_out)
    after = report(reviewed).judged
    assert before.confusion[truth[wrong], predicted[wrong]] == 1
    assert after.confusion[truth[wrong], predicted[wrong]] == 0
    assert after.confusion.sum() == before.confusion.sum()
    with writing(reviewed.engine) as conn:
        label_classes.retire_class(conn, 1, ids[truth[wrong]])
    last = report(reviewed).judged
    assert last.confusion.shape == (9, 9)
    assert last.confusion.sum() == before.confusion[np.arange(10) != truth[wrong]].sum()
    assert len(last.names) == 9


def test_everything_it_needs_is_in_it_and_only_its_own_scripts_may_run(decided) -> None:
    found = page(decided)
    for tag, attributes in found.elements:
        assert tag in OURS
        assert not {"src", "href", "srcset", "data", "action"} & attributes.keys()
        assert not [name for name in attributes if name.startswith("on")]
    run = [text for attributes, text in found.scripts if "type" not in attributes]
    hashes = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in run]
    rules = dict(each.split(" ", 1) for each in found.policy().split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == " ".join(f"'sha256-{each}'" for each in hashes)
    assert len(run) == 2


def test_every_place_for_a_chart_has_its_figure(decided) -> None:
    found = page(decided)
    places = [a["data-figure"] for _, a in found.elements if "data-figure" in a]
    figures = {a["id"]: json.loads(text) for a, text in found.scripts if "type" in a}
    assert places == list(figures)
    assert len(places) >= 4
    assert all(each["data"] and each["layout"] for each in figures.values())


def rename(access, name: str, colour: str) -> None:
    """Call everything that people name by this name."""
    with writing(access.engine) as conn:
        for each in label_classes.classes(conn, 1):
            changed = label_class.update().where(label_class.c.id == each.id)
            conn.execute(changed.values(name=f"{each.number}{name}", colour=colour))
        conn.execute(project.update().values(name=name))
        refusal = [{"name": name, "reason": name}]
        conn.execute(image_set.update().values(name=name, refused=refusal))


@pytest.mark.slow
def test_names_that_people_typed_become_text_and_nothing_else(decided) -> None:
    rename(decided, "harmless", "#123456")
    before = [tag for tag, _ in page(decided).elements]
    rename(decided, ATTACK, 'red;"><b>')
    found = page(decided)
    assert [tag for tag, _ in found.elements] == before
    for _, attributes in found.elements:
        assert not [name for name in attributes if name.startswith("on")]
        assert "red" not in (attributes.get("style") or "")
    assert ATTACK in "".join(found.words)
    for attributes, text in found.scripts:
        if "type" in attributes:
            assert "<" not in text
            json.loads(text)


def test_the_command_that_verifies_it_is_safe_to_paste(decided) -> None:
    with writing(decided.engine) as conn:
        conn.execute(project.update().values(name="x; rm -rf $HOME '"))
    assert """sslapp verify --project 'x; rm -rf $HOME '"'"''""" in "".join(page(decided).words)


def test_refused_files_are_listed_with_their_reasons_up_to_a_limit(project) -> None:
    refusals = [{"name": f"bad-{i}.png", "reason": "not an image"} for i in range(250)]
    with writing(project.engine) as conn:
        conn.execute(image_set.update().values(refused=refusals))
    words = page(project).text
    assert "bad-0.png" in words and "bad-199.png" in words
    assert "bad-200.png" not in words
    assert "And 50 files more." in words


def test_a_retired_class_is_named_and_counts_no_longer(decided) -> None:
    add_class(decided, None, "eel")
    decisions.label(decided, None, 110, "eel")
    with writing(decided.engine) as conn:
        eel = label_classes.classes(conn, 1)[-1].id
        label_classes.retire_class(conn, 1, eel)
    found = report(decided)
    assert eel not in found.per_class
    assert "eel (retired)" in page(decided).text


def test_a_project_without_anything_has_a_report_too(project) -> None:
    bare = create_project(project, "Bare")
    found = page(project, bare)
    for said in (
        "No round yet.",
        "Nobody has decided anything yet.",
        "No finished round has been measured",
        "No images were imported yet.",
    ):
        assert said in found.text
    assert not found.scripts
    assert "script-src 'none'" in found.policy()


def test_the_job_writes_it_logs_it_and_needs_no_label(project, tmp_path) -> None:
    bare = create_project(project, "Bare")
    job_id = export(project, bare, tmp_path / "bare.html")
    row = small_project.finish(project, job_id)
    assert row["state"] == JobState.DONE, row["error"]
    content = (tmp_path / "bare.html").read_bytes()
    assert content.startswith(b"<!DOCTYPE html>")
    assert row["result"]["sha256"] == hashlib.sha256(content).hexdigest()
    (said,) = small_project.log(project, bare)
    assert said.kind is EventKind.EXPORT
    assert said.payload["format"] == "report"
    assert small_project.damage(project, bare) is None


def test_a_report_takes_labels_of_every_source(decided) -> None:
    job_id = export_here(decided, None, Format.REPORT, sources=[Source.EXPERT])
    assert small_project.finish(decided, job_id)["state"] == JobState.DONE


def test_text_is_escaped_wherever_it_stands() -> None:
    made = element("p", ATTACK, [ATTACK, element("b", 3)], None, title=ATTACK, hidden=True)
    found = Reader(made)
    assert [tag for tag, _ in found.elements] == ["p", "b"]
    assert found.elements[0][1] == {"title": ATTACK, "hidden": None}
    assert "".join(found.words) == f"{ATTACK}{ATTACK}3"
    assert isinstance(made, Markup)
