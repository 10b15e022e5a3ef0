"""The Markdown that methods.py prints: a table a set, and who beats the labels alone."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]

JUDGED = {
    "fixmatch": "FixMatch",
    "fixmatch-lite0": "FixMatch on EfficientNet-Lite0",
    "layermatch": "LayerMatch",
    "diff-sysc": "Diff-SySC",
}
SUPERVISED = {
    "pixels": ("supervised", "supervised-lite0"),
    "features": ("linear-probe", "mlp"),
}
"""What learns from the labels alone in each gear; where there are two, the better one counts."""


@dataclass(frozen=True)
class Gained:
    """A run as the table of gains needs it.

    Attributes:
        title: of its set.
        row: which method.
    """

    title: str
    row: str
    seed: int
    pool_accuracy: float
    test_accuracy: float
    seconds: float


BASELINE = "supervised"
"""What a gain is over, seed by seed."""


def gains(runs: Sequence[Gained]) -> str:
    """A table a set: every row's accuracy, and what it is worth beside the labels alone; the best
    first.

    A gain is the mean over seeds of the difference to the baseline of the same seed, and its
    standard error the deviation of these differences by the root of their number.
    """
    if not runs:
        return "No runs."
    titles = dict.fromkeys(each.title for each in runs)
    return "\n\n".join(
        _gains(title, [each for each in runs if each.title == title]) for title in titles
    )


def _gains(title: str, runs: list[Gained]) -> str:
    known = {each.seed: each.pool_accuracy for each in runs if each.row == BASELINE}
    by_row = {
        row: [each for each in runs if each.row == row] for row in {each.row for each in runs}
    }
    ordered = sorted(
        by_row.items(), key=lambda item: -statistics.mean(each.pool_accuracy for each in item[1])
    )
    lines = [
        f"**{title}**. The upper limit was taught the pool's true labels: only its figure on the "
        "test images is one of images that it has not seen.",
        "",
        f"| method | seeds | accuracy on the pool | on test | gain over {BASELINE} | s |",
        "|---|---|---|---|---|---|",
    ]
    for row, own in ordered:
        pool, test = [each.pool_accuracy for each in own], [each.test_accuracy for each in own]
        paired = [each.pool_accuracy - known[each.seed] for each in own if each.seed in known]
        cells = [
            *(row, str(len(own)), _spread(pool), _spread(test)),
            "-" if row == BASELINE else _gain(paired),
            f"{statistics.mean(each.seconds for each in own):.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _gain(paired: Sequence[float]) -> str:
    """ "+.0213 (4.1 standard errors of 5 seeds)"; without errors where a seed tells of none."""
    if not paired:
        return "-"
    mean = statistics.mean(paired)
    said = f"{'+' if mean >= 0 else '-'}{_figure(abs(mean))}"
    error = statistics.stdev(paired) / math.sqrt(len(paired)) if len(paired) > 1 else 0.0
    return f"{said} ({abs(mean) / error:.1f} standard errors)" if error else said


def table(rows: Sequence[Row]) -> str:
    """All sets that occur in the rows, in their order. Rows of one set know the same labels."""
    if not rows:
        return "No runs."
    parts = [_machine(rows)]
    for title in dict.fromkeys(_title(row) for row in rows):
        parts.append(_one_set(title, [row for row in rows if _title(row) == title]))
    return "\n\n".join(parts)


def _one_set(title: str, rows: list[Row]) -> str:
    first, images = rows[0], rows[0]["key"]["images"]
    steps = {row["key"]["config"].get("steps") for row in rows if row["key"]["gear"] == "pixels"}
    seeds = len({row["key"]["seed"] for row in rows})
    kept = f"{first['labelled']} + {first['holdout']}"
    drawn = "{:,} and {:,}".format(*first["drawn_from"])
    seen = min(row["classes_labelled"] for row in rows)
    missing = "" if seen == first["classes"] else f" (at the worst seed, of {seen} classes)"
    lines = [
        f"**{title}**: {first['classes']} classes, {images['size']} px; "
        f"{first['pool']:,} pool and {first['test']:,} test images are scored, chosen from {drawn} "
        f"by a permutation with seed 0; labels + holdout {kept}, picks {images['picks']}{missing}; "
        f"features: {images['encoder']}, {first['features']} numbers; "
        + (f"K = {', '.join(f'{each:,}' for each in sorted(steps))}; " if steps else "")
        + f"{seeds} seed(s).",
        "",
        "| method | gear | accuracy on the pool | on test | errors / supervised | s |",
        "|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(row["key"]["row"] for row in rows):
        own = _of(rows, [name])
        pool, test = ([row[f"{which}_accuracy"] for row in own] for which in ("pool", "test"))
        timed = [row["seconds"] for row in own if not row["resumed"]]
        base = _bar(rows, own[0]["key"]["gear"])
        cells = [
            name,
            own[0]["key"]["gear"],
            _spread(pool),
            _spread(test),
            _ratio(pool, base),
            f"{statistics.mean(timed):.1f}" if timed else "-",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    verdicts = [_verdict(rows, name) for name in JUDGED if _of(rows, [name])]
    return "\n".join([*lines, "", *[each for each in [" ".join(verdicts)] if each]])


def _verdict(rows: list[Row], name: str) -> str:
    own = _of(rows, [name])
    base = _bar(rows, own[0]["key"]["gear"])
    if not base:
        return f"{JUDGED[name]}: no supervised row to compare with."
    by_seed = {row["key"]["seed"]: row["pool_accuracy"] for row in base}
    pairs = [(row["pool_accuracy"], by_seed.get(row["key"]["seed"])) for row in own]
    pairs = [(mine, theirs) for mine, theirs in pairs if theirs is not None]
    if not pairs:
        return f"{JUDGED[name]}: no seed in common with a supervised row."
    won = sum(mine > theirs for mine, theirs in pairs)
    mine, theirs = (statistics.mean(each) for each in zip(*pairs, strict=True))
    says = "beats" if mine > theirs else "does not beat"
    return (
        f"{JUDGED[name]} {says} its supervised row ({base[0]['key']['row']}) on the pool, "
        f"{_figure(mine)} against {_figure(theirs)}, and is above it at {won} of {len(pairs)} "
        "seed(s)."
    )


def _bar(rows: list[Row], gear: str) -> list[Row]:
    """The supervised rows of a gear; the kind with the higher mean, which is known afterwards."""
    kinds = [_of(rows, [name]) for name in SUPERVISED[gear]]
    kinds = [kind for kind in kinds if kind]
    return max(
        kinds, key=lambda kind: statistics.mean(row["pool_accuracy"] for row in kind), default=[]
    )


def _of(rows: Iterable[Row], names: Sequence[str]) -> list[Row]:
    return [row for row in rows if row["key"]["row"] in names]


def _title(row: Row) -> str:
    images = row["key"]["images"]
    return f"{images['name']}, {images['labels']} labels"


def _ratio(pool: list[float], base: list[Row]) -> str:
    errors = 1 - statistics.mean(row["pool_accuracy"] for row in base) if base else 0
    return f"{(1 - statistics.mean(pool)) / errors:.2f}" if errors > 0 else "-"


def _spread(values: list[float]) -> str:
    spread = f" ± {_figure(statistics.stdev(values))}" if len(values) > 1 else ""
    return f"{_figure(statistics.mean(values))}{spread}"


def _figure(value: float) -> str:
    return f"{value:.4f}".removeprefix("0")


def _machine(rows: Sequence[Row]) -> str:
    plans = {
        f"{plan['processor']}, {plan['device']}, {plan['dtype']}, {plan['kernels']} kernels, "
        f"{plan['threads']} threads, "
        f"torch {plan['torch']}, sslapp {plan['sslapp']}"
        for plan in (row["plan"] for row in rows)
    }
    dates = sorted({row["date"] for row in rows})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    loads = [row["load"] for row in rows]
    text = f"{'; '.join(sorted(plans))}; {when}; load at the start of a run "
    text += f"{statistics.median(loads):.1f} (median), {max(loads):.1f} (most)."
    resumed = sum(row["resumed"] for row in rows)
    return text + (f" {resumed} run(s) were resumed and are not timed." if resumed else "")
