"""The report as one HTML file that needs nothing else: no network, no font, no script from outside.

Its policy (a meta element) names its two scripts by their hashes and forbids everything else, so
even markup that slipped into it could load and run nothing. The figures stand in it as JSON.
"""

import base64
import hashlib
import shlex
from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from sslapp.charts.confusion import confusion
from sslapp.charts.curves import CurveLine, curves
from sslapp.charts.project_history import accuracy_by_labels, activity
from sslapp.charts.reliability import reliability
from sslapp.store.images import ImageSetRow
from sslapp.usecases.auditing.wording import CLASS_NOTE, agreement, derivation, statement
from sslapp.usecases.reporting import tables
from sslapp.usecases.reporting.markup import Markup, element, verbatim
from sslapp.usecases.reporting.report import Report
from sslapp.usecases.training.metrics import SHARES
from sslapp.words import count, proportion

HERE = Path(__file__).parent
STYLE = (HERE / "report.css").read_text(encoding="utf-8")
DRAW = (HERE / "report.js").read_text(encoding="utf-8")

REFUSED_SHOWN = 200
"""Refused files of one import that are listed; the rest is counted."""

CURVES = ("holdout accuracy", "loss", "labelled loss", "mask rate")
"""Reported figures that are drawn."""


def render(found: Report) -> str:
    """The report as an HTML document."""
    figures: list[go.Figure] = []
    body = [
        _head(found),
        _section("Labels", tables.classes(found)),
        _section("What is proven of them", *_certificate(found)),
        _section("Rounds", tables.rounds(found), _accuracy(found, figures)),
        _section("Reader actions", *_activity(found, figures)),
        _section("What readers said to the rounds", *tables.verdicts(found)),
        _section("The newest round on its holdout", *_judged(found, figures)),
        _section("Learning curves", *_curves(found, figures)),
        _section("Imports", *_imports(found.imports)),
        _section("Record", *_record(found)),
    ]
    library = _script(get_plotlyjs()) if figures else None
    draw = _script(DRAW) if figures else None
    used = [each for each in (library, draw) if each is not None]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(used)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"{found.project}: report"),
        element("style", verbatim(STYLE)),
    )
    data = [_data(f"figure-{number}", figure) for number, figure in enumerate(figures)]
    scripts = [element("script", each) for each in used]
    page = element("html", head, element("body", body, data, scripts), lang="en")
    return f"<!DOCTYPE html>\n{page}\n"


def _head(found: Report) -> Markup:
    counts = found.counts
    figures: list[tuple[str, int | str]] = [
        ("Images", counts["images"]),
        ("Expert labels", counts["expert"]),
        ("Adjudicated", counts["adjudicated"]),
        ("Accepted", counts["accepted"]),
        *([("None of these", counts["none_of_these"])] if counts["none_of_these"] else []),
        ("Pool", counts["pool"]),
        ("Holdout, labelled", f"{counts['holdout_labelled']:,} / {counts['holdout']:,}"),
        ("Test split", counts["test"]),
        ("Reader actions", counts["reader_actions"]),
    ]
    number, digest = found.head
    return element(
        "header",
        element("h1", found.project),
        element(
            "p",
            f"Written {found.written_at:%d %B %Y, %H:%M} UTC by sslapp {found.versions['sslapp']}, "
            f"read at event {number:,} ",
            element("code", digest[:16]),
            class_="quiet",
        ),
        element(
            "dl",
            [
                element("div", element("dt", name), element("dd", tables.number(value)))
                for name, value in figures
            ],
            class_="figures",
        ),
    )


def _certificate(found: Report) -> list[Markup]:
    certificate = found.certificate
    if not certificate.labels:
        return [element("p", "There are no labels to certify yet.", class_="quiet")]
    said = [*derivation(certificate), *map(agreement, certificate.readers)]
    return [
        element("p", element("strong", statement(certificate))),
        element("p", " ".join(said)),
        tables.proofs(certificate),
        element("p", CLASS_NOTE, class_="quiet"),
    ]


def _accuracy(found: Report, figures: list[go.Figure]) -> Markup | None:
    done = [each for each in reversed(found.rounds) if each.accuracy is not None and each.holdout]
    if len(done) < 2:
        return None
    right = [round(each.accuracy * each.holdout) for each in done if each.accuracy is not None]
    drawn = accuracy_by_labels(
        [f"Round {each.number}" for each in done],
        [each.labelled for each in done],
        right,
        [each.holdout for each in done],
    )
    said = "Holdout accuracy of each round by the labels it was trained on, with 95 % intervals"
    return element("div", _figure(figures, drawn, said), class_="charts")


def _activity(found: Report, figures: list[go.Figure]) -> list[Markup]:
    seen = found.activity
    if not seen.days:
        return [element("p", "Nobody has decided anything yet.", class_="quiet")]
    drawn = activity([f"{day:%d %b %Y}" for day in seen.days], seen.counts)
    return [
        _figure(figures, drawn, "Reader actions a day, UTC"),
        tables.deeds(seen),
        element(
            "p",
            "Time counts while the image was on screen in a tab that was shown; of a gap without "
            "a key or a movement of the pointer the first 30 s do. "
            "Decisions from files and the command line have none.",
            class_="quiet",
        ),
    ]


def _judged(found: Report, figures: list[go.Figure]) -> list[Markup]:
    seen = found.judged
    if seen is None:
        said = "No finished round has been measured on a labelled holdout yet."
        return [element("p", said, class_="quiet")]
    judged = int(seen.confusion.sum())
    share = float(seen.confusion.trace()) / judged
    return [
        element("p", f"Round {seen.number}: {proportion(share, judged)} right."),
        element(
            "div",
            _figure(figures, confusion(seen.confusion, seen.names), "Confusion, true by predicted"),
            element(
                "div",
                _figure(figures, reliability(seen.raw), _reliability("Raw", seen.raw.error)),
                _figure(
                    figures,
                    reliability(seen.calibrated),
                    _reliability(f"Calibrated, {seen.calibrated_by}", seen.calibrated.error),
                ),
            ),
            class_="charts",
        ),
        element(
            "p",
            "Holdout images were drawn at random and judged without sight of a prediction. "
            f"The calibration rests on: {seen.rests_on}.",
            class_="quiet",
        ),
    ]


def _reliability(which: str, error: float) -> str:
    return f"{which}: expected calibration error {error:.3f}"


def _curves(found: Report, figures: list[go.Figure]) -> list[Markup]:
    drawn = []
    for metric in CURVES:
        lines = [
            CurveLine(f"Round {each.round}", each.round, each.steps, each.values)
            for each in found.curves
            if each.metric == metric
        ]
        if any(len(each.x) > 1 for each in lines):
            chart = curves(lines, share=metric in SHARES, legend=True)
            drawn.append(_figure(figures, chart, metric.capitalize()))
    if not drawn:
        return [element("p", "No round has reported a curve yet.", class_="quiet")]
    return [element("div", drawn, class_="charts")]


def _imports(sets: Sequence[ImageSetRow]) -> list[Markup]:
    if not sets:
        return [element("p", "No images were imported yet.", class_="quiet")]
    refused = [each for each in sets if each.refused]
    return [tables.imports(sets), *[part for each in refused for part in _refused(each)]]


def _refused(imported: ImageSetRow) -> list[Markup]:
    more = len(imported.refused) - REFUSED_SHOWN
    parts = [
        element("h3", f"Refused in {imported.name}"),
        tables.refused(imported.refused[:REFUSED_SHOWN]),
    ]
    if more > 0:
        parts.append(element("p", f"And {count(more, 'file')} more.", class_="quiet"))
    return parts


def _record(found: Report) -> list[Markup]:
    number, digest = found.head
    command = f"sslapp verify --project {shlex.quote(found.project)} --head {digest}"
    return [
        element("p", f"Read at event {number:,}, whose hash is"),
        element("pre", element("code", digest)),
        element(
            "p",
            "Every event's hash covers the one before it. This command walks the chain, replays "
            "it, compares every table and file with what was written, and looks for this hash, "
            "which a log that was cut off has lost:",
        ),
        element("pre", element("code", command)),
        element(
            "p",
            "Written with ",
            ", ".join(f"{name} {which}" for name, which in found.versions.items()),
            ". Percentages stand with their n and exact (Clopper-Pearson) 95 % interval.",
            class_="quiet",
        ),
    ]


def _section(title: str, *parts: Markup | None) -> Markup:
    return element("section", element("h2", title), *parts)


def _figure(figures: list[go.Figure], figure: go.Figure, caption: str) -> Markup:
    """A place for the figure, which is added to `figures`."""
    figures.append(figure)
    place = element(
        "div",
        role="img",
        aria_label=caption,
        data_figure=f"figure-{len(figures) - 1}",
        style=f"height:{int(figure.layout.height)}px",
    )
    return element("figure", element("figcaption", caption), place)


def _data(name: str, figure: go.Figure) -> Markup:
    """The figure as JSON in an element that no browser runs."""
    own = go.Figure(figure).update_layout(template="none", margin={"t": 12, "b": 4, "r": 8})
    text = own.to_json()
    assert text is not None
    # a name with "</script>" in it must not end the element
    for sign in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return element("script", verbatim(text), type="application/json", id=name)


def _script(text: str) -> Markup:
    return verbatim(text.replace("\r", ""))


def _policy(scripts: Sequence[str]) -> str:
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'"
        for each in scripts
    ]
    allowed = {
        "default-src": "'none'",
        "script-src": " ".join(hashes) or "'none'",
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in allowed.items())
