"""A page's outbox in a process of its own: it decides and sends, and writes down every answer.

What it decides is a function of its name and of the decision's number, so whoever reads the log can
tell what must stand there. As a program this module is a launcher of such processes (see `doomed`);
it imports no torch, and a process is at work a few milliseconds after it was asked for.
"""

import json
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import doomed

ANSWERS = "answers.jsonl"
MOST_AT_ONCE = 4
"""Decisions in one request."""

_IMAGES = 160
_CLASSES = 10
_NOW = 1_700_000_000_000.0


def decision(client: str, seq: int) -> dict[str, Any]:
    """Decision `seq` of a page, without its image: mostly labels, some notes, some taken back."""
    drawn = random.Random(f"{client}:{seq}")
    kind = drawn.choice(("label",) * 5 + ("unsure", "skip", "flag", "undo"))
    if kind == "undo" and (seq == 1 or decision(client, seq - 1)["kind"] == "undo"):
        kind = "label"
    pressed = {"seq": seq, "kind": kind, "pressed_at": _NOW + 100 * seq + 60}
    if kind == "undo":
        return pressed | {"of": f"{client}:{seq - 1}"}
    made = pressed | {"painted_at": _NOW + 100 * seq, "position": drawn.randrange(_IMAGES)}
    return made | ({"class_id": drawn.randint(1, _CLASSES)} if kind == "label" else {})


def answers(workspace: Path) -> list[tuple[str, dict[int, int]]]:
    """What pages were told so far, oldest first: client, and {seq: number of its event}."""
    path = workspace / ANSWERS
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    told = [json.loads(line) for line in lines if line.endswith("\n")]
    return [(client, {int(k): number for k, number in acked.items()}) for client, acked in told]


def decide(root: Path, commands: Sequence[Sequence[str]]) -> None:
    """Go on with a page's decisions until killed.

    Args:
        root: the workspace, with the project of `small_project`.
        commands: one, (client, number of its first decision without an answer, how many to make).
    """
    from sslapp.store.database import reading
    from sslapp.store.images import pixel_hashes
    from sslapp.usecases.access import enter
    from sslapp.usecases.labelling.outbox import ingest
    from sslapp.workspace import Workspace

    ((client, first, count),) = commands
    access = enter(Workspace(workspace=root), "Ann")
    with reading(access.engine) as conn:
        painted = pixel_hashes(conn, 1, range(_IMAGES))
    record = os.open(root / ANSWERS, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    seq, end = int(first), int(first) + int(count)
    while seq < end:
        sent = random.Random(f"{client}:{seq}:sent").randint(1, MOST_AT_ONCE)
        stop = min(end, seq + sent)
        items = [decision(client, each) for each in range(seq, stop)]
        for item in items:
            if "position" in item:
                item["image"] = painted[item["position"]]
        receipt = ingest(access, 1, client, items)
        assert not receipt.refused, receipt.refused
        os.write(record, (json.dumps([client, receipt.acked]) + "\n").encode())
        seq = stop


def main() -> None:
    """Fork a page for every line of standard input."""
    import sslapp.usecases.access
    import sslapp.usecases.labelling.outbox  # noqa: F401

    doomed.serve(decide)


if __name__ == "__main__":
    main()
