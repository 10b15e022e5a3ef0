"""Processes killed with SIGKILL at random moments, and what must hold after each kill.

Two kinds: a page that decides (see `deciding`) and a worker that runs a round. Half of them end
themselves at a point around which something becomes durable (see `doomed`), drawn at random; the
others are killed from outside after a random time. The moments follow from a seed, but for how
fast the machine is.
"""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import deciding
import doomed
import numpy as np
import safetensors
import small_project
from numpy.typing import NDArray

from sslapp import durable
from sslapp.jobs.queue import MAX_ATTEMPTS
from sslapp.store.log.chain import Event
from sslapp.usecases.access import Access
from sslapp.usecases.training.rounds import round_status
from sslapp.vocabulary import EventKind, JobState

PAGES = ("page-of-ann-1", "page-of-ann-2", "page-of-ann-3")
"""Pages whose processes are killed in turn; each goes on with its outbox."""

POINTS = 60
"""A page that is to end at a point reaches it within so many: 30 commits."""

SECONDS = 0.25
"""A page that is killed after a time is killed within so many."""

UNANSWERED = deciding.MOST_AT_ONCE
"""Decisions of a page that may be stored and not answered yet."""

NAMES_WITHOUT_A_CLAIM = (".jsonl", ".txt", ".log", ".lock", ".part")
"""Of files that grow where they lie, and say nothing of being complete."""


@dataclass
class Tally:
    """What came of the kills.

    Attributes:
        writers, workers: processes that ended by SIGKILL.
        acknowledged: decisions that a page was told are saved.
        lost, doubled, moved: of these; moved ones say something else than was sent.
        rounds, identical: finished after kills, and with the bits of the undisturbed one.
        problems: everything that was wrong, as sentences.
    """

    writers: int = 0
    workers: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    moved: int = 0
    rounds: int = 0
    identical: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """Of both kinds."""
        return self.writers + self.workers


def kill_page(
    launcher: doomed.Launcher, access: Access, rng: np.random.Generator, tally: Tally
) -> None:
    """Let one page decide until it is killed, and check the workspace.

    Args:
        launcher: of `deciding`.
        access: to a workspace of `small_project` in which nobody but these pages decides.
    """
    root = access.workspace.root
    client = PAGES[rng.integers(len(PAGES))]
    answered = [seq for name, acked in deciding.answers(root) if name == client for seq in acked]
    command = (client, str(1 + max(answered, default=0)), "100000")
    status = launcher.run(root, command, **death(rng, points=POINTS, seconds=SECONDS))
    if status != -signal.SIGKILL:
        error = (root / "stderr.txt").read_text()
        tally.problems.append(f"A page ended by itself ({status}): {error[-500:]}")
        return
    tally.writers += 1
    check_log(access, tally)
    tally.problems += partial_files(root)


def check_decisions(access: Access, tally: Tally) -> None:
    """Compare all that the pages of a workspace were told with its log.

    Once after many kills is enough: an answered decision is never sent again, and the log only
    grows, so what a kill took or changed stays so.
    """
    told: dict[str, set[int]] = {}
    for client, acked in deciding.answers(access.workspace.root):
        for seq, number in acked.items():
            told.setdefault(f"{client}:{seq}", set()).add(number)
    found: dict[str, list[Event]] = {}
    for event in small_project.log(access):
        if event.key.rpartition(":")[0] in PAGES:
            found.setdefault(event.key, []).append(event)
    tally.acknowledged += len(told)
    tally.lost += sum(key not in found for key in told)
    tally.doubled += sum(len(each) > 1 for each in found.values())
    tally.doubled += sum(len(numbers) > 1 for numbers in told.values())
    for key, events in found.items():
        client, _, of_page = key.rpartition(":")
        other = not all(_is_what_was_sent(event, client, int(of_page)) for event in events)
        elsewhere = key in told and told[key] != {event.number for event in events}
        tally.moved += other or elsewhere
    tally.problems += _gaps(told.keys(), found.keys())


def _is_what_was_sent(event: Event, client: str, seq: int) -> bool:
    sent = deciding.decision(client, seq)
    found = (event.kind, event.position, event.payload.get("pressed_at"))
    if found != (sent["kind"], sent.get("position"), sent["pressed_at"]):
        return False
    # an undo's class is that of what it takes back
    return event.kind == EventKind.UNDO or event.class_id == sent.get("class_id")


def _gaps(told: Any, found: Any) -> list[str]:
    """What is wrong with how far the log of each page goes."""
    wrong = []
    for client in PAGES:
        stored = sorted(int(k.rpartition(":")[2]) for k in found if k.startswith(f"{client}:"))
        answered = sum(key.startswith(f"{client}:") for key in told)
        if stored != list(range(1, len(stored) + 1)):
            wrong.append(f"{client}: the decisions in the log have gaps.")
        if len(stored) > answered + UNANSWERED:
            wrong.append(f"{client}: {len(stored)} decisions in the log, {answered} answered.")
    return wrong


@dataclass(frozen=True)
class Ending:
    """How a round ends when nobody disturbs it.

    Attributes:
        probabilities: (N, C) float32.
        temperature: of its calibration.
        points: what its worker came by; see `doomed`.
        decisions: (number, kind) of all events.
        seconds: from the start of its worker to its end.
    """

    probabilities: NDArray[np.float32]
    temperature: float
    points: list[str]
    decisions: list[tuple[int, EventKind]]
    seconds: float


def undisturbed(launcher: doomed.Launcher, access: Access) -> Ending:
    """Run the round that waits, and say how it ended."""
    started = time.monotonic()
    status = launcher.run(access.workspace.root, doomed.WORKER)
    seconds = time.monotonic() - started
    assert status == 0, (access.workspace.root / "stderr.txt").read_text()
    probabilities, temperature = small_project.published(access)
    points = doomed.points(access.workspace.root)
    return Ending(probabilities, temperature, points, decisions(access), seconds)


def decisions(access: Access) -> list[tuple[int, EventKind]]:
    """(number, kind) of all events."""
    return [(each.number, each.kind) for each in small_project.log(access)]


def difference(access: Access, ending: Ending) -> str | None:
    """What is not as in the undisturbed round, bit for bit; None when all is."""
    row = round_status(access, None)
    if row["state"] != JobState.DONE:
        return f"the round is {row['state']}: {row['error']}"
    probabilities, temperature = small_project.published(access)
    if probabilities.tobytes() != ending.probabilities.tobytes():
        return "the probabilities differ"
    if temperature != ending.temperature:
        return f"the temperature is {temperature} and was {ending.temperature}"
    if decisions(access) != ending.decisions:
        return "the log has other events"
    return small_project.damage(access)


def kill_round(
    launcher: doomed.Launcher,
    access: Access,
    *,
    ending: Ending,
    rng: np.random.Generator,
    tally: Tally,
) -> None:
    """Kill the workers of the round that waits, let the last one finish it, and compare.

    It is killed as often as a round is tried again, less if it is published before.

    Args:
        launcher: of commands.
    """
    for _ in range(MAX_ATTEMPTS - 1):
        if round_status(access, None)["state"] == JobState.DONE:
            break
        how = death(rng, points=len(ending.points), seconds=ending.seconds)
        status = launcher.run(access.workspace.root, doomed.WORKER, **how)
        tally.workers += status == -signal.SIGKILL
        check_log(access, tally)
        check_job(access, tally)
        tally.problems += partial_files(access.workspace.root)
    if launcher.run(access.workspace.root, doomed.WORKER) != 0:
        tally.problems.append((access.workspace.root / "stderr.txt").read_text()[-500:])
    tally.rounds += 1
    differs = difference(access, ending)
    tally.identical += differs is None
    if differs is not None:
        tally.problems.append(f"A killed round did not end as it should: {differs}.")
    check_job(access, tally)
    tally.problems += partial_files(access.workspace.root)


def kill_at_steps(launcher: doomed.Launcher, access: Access, steps: Iterable[int]) -> None:
    """Kill one worker of the round that waits after another, each once it has taken such a step.

    Args:
        launcher: of commands.
        steps: rising.
    """
    for step in steps:
        worker = launcher.start(access.workspace.root, doomed.WORKER)
        small_project.wait_for_step(access, step)
        os.kill(worker, signal.SIGKILL)
        assert launcher.wait() == -signal.SIGKILL


def kill_at_point(
    launcher: doomed.Launcher, access: Access, point: int, *, ending: Ending
) -> str | None:
    """Kill the worker of the round that waits at a point, finish it here, and compare.

    Args:
        launcher: of commands.
        point: number of it, from 1.

    Returns:
        What is not as in the undisturbed round; None when all is.
    """
    status = launcher.run(access.workspace.root, doomed.WORKER, die_at=point)
    assert status == -signal.SIGKILL, f"point {point} was not reached"
    small_project.run_jobs(access)
    differs = difference(access, ending)
    return None if differs is None else f"killed {ending.points[point - 1]}: {differs}"


def spread(count: int, every: int, seed: int) -> list[int]:
    """Of points 1 to `count` one in each `every`, drawn: no part of a pattern is left out."""
    rng, ends = np.random.default_rng(seed), range(every, count + every, every)
    return [int(rng.integers(end - every + 1, min(end, count) + 1)) for end in ends]


def death(rng: np.random.Generator, *, points: int, seconds: float) -> Mapping[str, Any]:
    """When a process dies: at one of so many points, or after a part of so many seconds."""
    if rng.random() < 0.5:
        return {"die_at": int(rng.integers(1, points + 1))}
    return {"die_after": float(rng.uniform(0, seconds))}


def check_log(access: Access, tally: Tally) -> None:
    """The hash chain and the tables derived from it."""
    damage = small_project.damage(access)
    if damage is not None:
        tally.problems.append(f"The log does not verify: {damage}")


def check_job(access: Access, tally: Tally) -> None:
    """A killed round waits, seems to run, or is done; it is published exactly when it is done."""
    row = round_status(access, None)
    done = row["state"] == JobState.DONE
    events = Counter(each.kind for each in small_project.log(access))
    if row["state"] not in (JobState.QUEUED, JobState.RUNNING, JobState.DONE):
        tally.problems.append(f"A killed round is {row['state']}: {row['error']}")
    if not row["attempt"] <= MAX_ATTEMPTS:
        tally.problems.append(f"A round was tried {row['attempt']} times.")
    if done != (row["probabilities"] is not None) or done != (events[EventKind.ROUND_DONE] == 1):
        tally.problems.append(f"A round is {row['state']}, and half published.")


def partial_files(root: Path) -> list[str]:
    """Files of a workspace that have a final name and no whole content, each in a sentence."""
    found = []
    for path in root.rglob("*"):
        hidden = path.name.startswith(".") or path.suffix in NAMES_WITHOUT_A_CLAIM
        if path.is_file() and not hidden and not _is_whole(path):
            found.append(f"{path.relative_to(root)} is not whole.")
    return found


def _is_whole(path: Path) -> bool:
    try:
        match path.suffix:
            case ".npy":
                np.load(path, mmap_mode="r", allow_pickle=False)
            case ".npz":
                with np.load(path, allow_pickle=False) as arrays:
                    for name in arrays:
                        arrays[name]
            case ".safetensors":
                with safetensors.safe_open(path, "np"):
                    pass
            case ".json":
                json.loads(path.read_bytes())
    except (OSError, ValueError, EOFError, BadZipFile, safetensors.SafetensorError):
        return False
    return durable.is_intact(path)
