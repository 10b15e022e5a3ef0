"""The figures of gpu.py: a row each, as JSON and as a table in Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

HEAD = ("part", "what", "figure", "floor", "share of floor", "peak memory", "seconds", "")

SCALES = {"ms": 1e3, "TFLOP/s": 1e-12, "GB/s": 1e-9}
"""What a figure is multiplied by to be shown in its unit; others are shown as they are."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure.

    Attributes:
        part: which part of the program it belongs to.
        what: was measured.
        figure: in seconds for "ms", in FLOP/s for "TFLOP/s", in bytes/s for "GB/s", else in the
            unit; None where there is none.
        unit: in which it is shown.
        floor: what the machine's own speed would allow, as the figure; None where nothing says.
        share: how much of that speed is reached; above 1 where the floor was not the true one.
        memory: most bytes in use; None where nobody looked.
        seconds: that it took, all told.
        note: what else is to be said.
        problem: why it failed; "" where it did not.
    """

    part: str
    what: str
    figure: float | None = None
    unit: str = ""
    floor: float | None = None
    share: float | None = None
    memory: int | None = None
    seconds: float = 0.0
    note: str = ""
    problem: str = ""


def timed(
    part: str, what: str, seconds: float, floor: float | None = None, **others: object
) -> Row:
    """A row whose figure is a time, which the floor is a part of."""
    share = None if floor is None else floor / seconds
    return Row(
        part=part,
        what=what,
        figure=seconds,
        unit="ms",
        floor=floor,
        share=share,
        **others,  # type: ignore[arg-type]
    )


def as_json(machine: Mapping[str, object], rows: Sequence[Row]) -> dict[str, object]:
    """Everything that was found; JSON."""
    return {
        "machine": dict(machine),
        "failed": failed(rows),
        "rows": [asdict(row) for row in rows],
    }


def failed(rows: Sequence[Row]) -> list[str]:
    """The parts with a problem, each once."""
    return list(dict.fromkeys(row.part for row in rows if row.problem))


def markdown(machine: Mapping[str, object], rows: Sequence[Row]) -> str:
    """A sentence on the machine and the table."""
    about = ", ".join(f"{name} {value}" for name, value in machine.items())
    lines = [about, "", _line(HEAD), "|---" * len(HEAD) + "|"]
    lines += [_line(_cells(row)) for row in rows]
    broken = failed(rows)
    verdict = f"Failed: {', '.join(broken)}." if broken else "Nothing failed."
    return "\n".join([*lines, "", verdict, ""])


def _cells(row: Row) -> Sequence[str]:
    problem = f"FAILED: {row.problem}" if row.problem else ""
    return (
        row.part,
        row.what,
        shown(row.figure, row.unit),
        shown(row.floor, row.unit),
        "" if row.share is None else f"{row.share:.0%}",
        "" if row.memory is None else f"{row.memory / 1e9:.2f} GB",
        f"{row.seconds:.1f}",
        "; ".join(filter(None, (problem, row.note))),
    )


def shown(figure: float | None, unit: str) -> str:
    """A figure in its unit; "" where there is none."""
    if figure is None:
        return ""
    scaled = figure * SCALES.get(unit, 1)
    return f"{scaled:,.0f} {unit}" if abs(scaled) >= 1000 else f"{scaled:.4g} {unit}"


def _line(cells: Sequence[str]) -> str:
    plain = (" ".join(each.replace("|", "/").split()) for each in cells)
    return f"| {' | '.join(plain)} |"
