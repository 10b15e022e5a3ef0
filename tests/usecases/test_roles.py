"""Who may do what: every command takes its reader's role in the project into account."""

from dataclasses import replace

import pytest
import small_project

from sslapp.store.database import writing
from sslapp.store.errors import Refused
from sslapp.store.people import readers
from sslapp.usecases.access import Access, NotAllowed, enter
from sslapp.usecases.exporting import exports
from sslapp.usecases.exporting.exported import exports_of
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.encoded_views import WantedViews, start_encoding
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.jobs import cancel_job, job_status
from sslapp.usecases.labelling import decisions, picks, verdicts
from sslapp.usecases.labelling.worksheets import label_from_list
from sslapp.usecases.maintenance.verification import verify_project
from sslapp.usecases.projects import classes, settings, status
from sslapp.usecases.reviewing import bulk_decisions, candidates
from sslapp.usecases.training.history import detail
from sslapp.usecases.training.progress import live_jobs
from sslapp.usecases.training.rounds import cancel_round, resume_round, round_status, start_round
from sslapp.vocabulary import EventKind, JobState, Role


def enter_as(access: Access, name: str, role: Role | None) -> Access:
    other = enter(access.workspace, name)
    if role is not None:
        with writing(other.engine) as conn:
            readers.grant(conn, 1, other.reader_id, role)
    return other


COMMANDS = {
    "label": lambda who, path: decisions.label(who, 1, 60, "3"),
    "label from a file": lambda who, path: label_from_list(who, 1, path / "labels.csv"),
    "note": lambda who, path: decisions.note(who, 1, EventKind.SKIP, 60),
    "accept": lambda who, path: verdicts.accept(who, 1, [60]),
    "accept in bulk": lambda who, path: bulk_decisions.bulk_accept(who, 1, [60], unproven=True),
    "reject": lambda who, path: verdicts.reject(who, 1, 60),
    "relabel": lambda who, path: verdicts.relabel(who, 1, 60, "3"),
    "withhold": lambda who, path: bulk_decisions.withhold(who, 1, [60]),
    "undo": lambda who, path: decisions.undo(who, 1, 60),
    "next": lambda who, path: picks.next_images(who, 1),
    "propose": lambda who, path: candidates.propose(who, 1),
    "status": lambda who, path: status.status(who, 1),
    "add a class": lambda who, path: classes.add_class(who, 1, "ten"),
    "edit a class": lambda who, path: classes.edit_class(who, 1, "3", name="three"),
    "retire a class": lambda who, path: classes.retire_class(who, 1, "3"),
    "change the settings": lambda who, path: settings.change_settings(who, 1, flip=True),
    "import": lambda who, path: import_images(who, 1, "digits"),
    "embed": lambda who, path: embed(who, 1),
    "start": lambda who, path: start_round(who, 1),
    "follow": lambda who, path: round_status(who, 1),
    "cancel": lambda who, path: cancel_round(who, 1),
    "resume": lambda who, path: resume_round(who, 1),
    "see a job": lambda who, path: job_status(who, 1),
    "cancel a job": lambda who, path: cancel_job(who, 1),
    "export": lambda who, path: exports.export(who, 1, path / "out.csv"),
    "verify": lambda who, path: verify_project(who, 1),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_stranger_is_refused_and_nothing_is_written(command, reviewed, tmp_path) -> None:
    (tmp_path / "labels.csv").write_text("position,class\n60,3\n")
    stranger = enter_as(reviewed, "Eve", None)
    before = (small_project.log(reviewed)[-1].hash, len(status.status(reviewed).jobs))
    with pytest.raises(NotAllowed, match="Eve is not a member in this project"):
        COMMANDS[command](stranger, tmp_path)
    assert (small_project.log(reviewed)[-1].hash, len(status.status(reviewed).jobs)) == before
    stranger.engine.dispose()


def test_a_reader_labels_but_does_not_import_or_add_classes(project) -> None:
    reader = enter_as(project, "Rita", Role.READER)
    assert decisions.label(reader, 1, 60, "3").reader_id == reader.reader_id
    for command in ("import", "add a class"):
        with pytest.raises(NotAllowed, match="Rita is reader in this project; this needs admin"):
            COMMANDS[command](reader, None)
    reader.engine.dispose()


@pytest.mark.parametrize(("role", "allowed"), [(Role.READER, False), (Role.ADJUDICATOR, True)])
def test_only_adjudicators_settle_disagreements(role, allowed, project) -> None:
    who = enter_as(project, "Ada", role)
    if allowed:
        event = decisions.label(who, 1, 60, "3", adjudicate=True)
        assert event.kind == EventKind.ADJUDICATE
    else:
        with pytest.raises(NotAllowed, match="needs adjudicator"):
            decisions.label(who, 1, 60, "3", adjudicate=True)
    who.engine.dispose()


def test_an_adjudication_outlasts_another_readers_later_label(project) -> None:
    reader = enter_as(project, "Rita", Role.READER)
    decisions.label(project, 1, 60, "3", adjudicate=True)
    decisions.label(reader, 1, 60, "4")
    reader.engine.dispose()
    found = status.status(project)
    assert found.counts["adjudicated"] == 1
    assert found.per_class[3, 2] == 1


def member(access: Access, name: str, role: Role) -> Access:
    """A member who is no server admin, as on a team's server."""
    return replace(enter_as(access, name, role), server_admin=False)


@pytest.mark.parametrize("who", ["reader", "adjudicator", "starter", "admin", "server admin"])
def test_jobs_are_cancelled_and_resumed_by_who_started_them_and_by_admins(project, who) -> None:
    rita = member(project, "Rita", Role.READER)
    number = start_round(rita, 1, method="supervised")
    job_id = round_status(rita, 1, number)["job_id"]
    roles = {"reader": Role.READER, "adjudicator": Role.ADJUDICATOR, "admin": Role.ADMIN}
    actor = rita if who == "starter" else member(project, "Bob", roles.get(who, Role.READER))
    actor = replace(actor, server_admin=who == "server admin")
    allowed = who not in ("reader", "adjudicator")

    def tries(command) -> None:
        if allowed:
            command()
            return
        before = job_status(rita, job_id)
        with pytest.raises(NotAllowed, match="was started by somebody else"):
            command()
        assert job_status(rita, job_id) == before

    assert live_jobs(actor, 1).active[0].controllable == allowed
    tries(lambda: cancel_round(actor, 1, number))
    cancel_round(rita, 1, number)
    assert detail(actor, 1, number).resumable == allowed
    tries(lambda: resume_round(actor, 1, number))
    if not allowed:
        resume_round(rita, 1, number)
    tries(lambda: cancel_job(actor, job_id))
    cancel_job(rita, job_id)
    tries(lambda: resume_round(actor, 1, number, inexact=True))
    export = exports.export_here(rita, 1, exports.Format.CSV)
    (line,) = exports_of(actor, 1)
    assert (line.job_id, line.controllable) == (export, allowed)
    tries(lambda: cancel_job(actor, export))


def test_views_that_somebody_else_began_to_encode_are_begun_anew(project) -> None:
    rita, bob = (member(project, name, Role.READER) for name in ("Rita", "Bob"))
    first = start_encoding(rita, 1, WantedViews(weak=1, strong=1))
    cancel_job(rita, first)
    second = start_encoding(bob, 1, WantedViews(weak=1, strong=1))
    assert second != first
    assert job_status(bob, first)["state"] == JobState.CANCELLED
    cancel_job(bob, second)
    assert start_encoding(bob, 1, WantedViews(weak=1, strong=1)) == second


def test_readers_undo_only_their_own_decisions(project) -> None:
    reader = enter_as(project, "Rita", Role.ADMIN)
    event = decisions.label(project, 1, 60, "3")
    with pytest.raises(Refused, match="another reader's decision"):
        decisions.undo(reader, 1, event.number)
    decisions.undo(project, 1, event.number)
    reader.engine.dispose()
