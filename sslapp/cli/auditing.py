"""Commands that prove labels: audit open, next, answer, status; certify and certificate."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sslapp.cli.application import Json, Project, access, app, command, share, show, table
from sslapp.usecases.auditing.answers import NONE_OF_THESE, UNSURE, answer, next_looks
from sslapp.usecases.auditing.certificate import Certificate, certify
from sslapp.usecases.auditing.certificate_file import verify_certificate, write_certificate
from sslapp.usecases.auditing.opening import audit_labels
from sslapp.usecases.auditing.progress import (
    MEND_FIRST,
    AuditProgress,
    audit_progress,
    stop_advice,
)
from sslapp.usecases.auditing.wording import (
    CLASS_NOTE,
    agreement,
    derivation,
    statement,
)
from sslapp.usecases.reviewing.checks import audit_candidates
from sslapp.usecases.reviewing.proofs import weigh_candidates
from sslapp.words import at_least, count

audit_app = typer.Typer(
    help="Check a sample of the labels blind, until enough of them are proven right.",
    no_args_is_help=True,
)
app.add_typer(audit_app, name="audit")

Number = Annotated[int | None, typer.Option("--audit", help="Default: the newest.")]
Target = Annotated[
    float | None,
    typer.Option(parser=share, help="Share of labels to prove right; default: the project's."),
]


@command(audit_app, "open")
def open_(
    threshold: Annotated[
        float | None,
        typer.Option(
            parser=share,
            help="Check what the newest round proposes from this confidence on. Default: check "
            "every label that nobody gave singly and blind.",
        ),
    ] = None,
    target: Target = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Open an audit, or go on with the one that is about the same."""
    who = access()
    if threshold is None:
        opened = audit_labels(who, project, target=target)
    else:
        opened = audit_candidates(who, project, threshold=threshold, target=target)
    found = audit_progress(who, project, opened.number, target=target)
    show(asdict(found), as_json, lambda: _words(found))


@command(audit_app, "weigh")
def weigh(
    threshold: Annotated[
        float | None,
        typer.Option(
            parser=share,
            help="Candidates of the newest round from this confidence on; default: all.",
        ),
    ] = None,
    target: Target = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Say, before a check is opened, whether naming the least confident images first is cheaper."""
    found = weigh_candidates(access(), project, threshold=threshold or 0.0, target=target)

    def words() -> str:
        said = f"Checking them now is expected to take {count(found.now, 'look')}."
        if not found.named:
            return said
        return (
            f"{said} Naming the {count(found.named, 'least confident image')} first "
            f"(sslapp next --strategy margin) takes {found.named + found.after:,} in all."
        )

    show(asdict(found), as_json, words)


@command(audit_app, "next")
def next_(
    count: Annotated[int, typer.Option(min=1, help="How many images.")] = 1,
    audit: Number = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Show which images an audit asks about next; look at them without any prediction."""
    found = next_looks(access(), project, audit, count=count)
    rows = [{"position": each.position} for each in found]
    show(rows, as_json, lambda: table(rows, ["position"]) if rows else "Nothing is left to ask.")


@command(audit_app, "answer")
def answer_(
    position: int,
    said: Annotated[str, typer.Argument(help=f'A class, "{UNSURE}" or "{NONE_OF_THESE}".')],
    audit: Number = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Say what an image is that you saw blind; a wrong label is mended at once."""
    made = answer(access(), project, audit, position, said)
    show({"event": made.number}, as_json, f"Image {position}: {said} (event {made.number}).")


@command(audit_app, "status")
def status(
    audit: Number = None, target: Target = None, project: Project = None, as_json: Json = False
) -> None:
    """Say what an audit has proven and how many looks its target is expected to take."""
    found = audit_progress(access(), project, audit, target=target)
    show(asdict(found), as_json, lambda: _words(found))


@command(app, "certify")
def certify_command(project: Project = None, as_json: Json = False) -> None:
    """State how many of the project's labels are proven right, and what that rests on."""
    who = access()
    found, advice = certify(who, project), stop_advice(who, project)
    said = {**asdict(found), "advice": advice}
    show(said, as_json, lambda: "\n".join(filter(None, [_certificate(found), advice])))


@command(app, "certificate")
def certificate_command(
    path: Annotated[Path, typer.Argument(help="A .zip file.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Recompute the certificate from the file alone.")
    ] = False,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Write the certificate with the log that it follows from, or verify such a file."""
    found = verify_certificate(path) if verify else write_certificate(access(), project, path)
    done = "Verified" if verify else f"Wrote {path}"
    show(asdict(found), as_json, lambda: f"{done}. {statement(found)}")


def _words(found: AuditProgress) -> str:
    whole = found.whole
    lines = [
        f"Audit {found.audit} of {found.images:,} {found.about.value}: {whole.looks} looks, "
        f"{whole.mended} errors found and mended.",
        f"Proven at least {at_least(whole.precision)} right ({whole.certainty:.3g}); the target is "
        f"{at_least(found.target)}.",
    ]
    if not found.proven and found.expected is not None:
        lines.append(
            f"About {found.expected} more looks are expected to prove it, {whole.further} if none "
            "finds an error."
        )
    elif not found.proven:
        lines.append("Not even looking at all of them is expected to prove it: mend first.")
    if found.mend_first:
        lines.append(MEND_FIRST)
    if len(found.thresholds) > 1:
        names = ["threshold", "images", "looks", "errors", "precision", "certainty", "further"]
        lines.append(table([asdict(each) for each in found.thresholds], names))
    return "\n".join(lines)


def _certificate(found: Certificate) -> str:
    lines = [statement(found), *derivation(found)]
    if found.classes:
        names = ["name", "labels", "blind", "wrong", "precision"]
        lines += [table([asdict(each) for each in found.classes], names), CLASS_NOTE]
    return "\n".join([*lines, *map(agreement, found.readers)])
