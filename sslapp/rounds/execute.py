"""The round job: train a method on a snapshot and publish its predictions."""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp.jobs.context import Cancelled, JobContext
from sslapp.jobs.worker import JobRefused
from sslapp.methods.card import MethodCard
from sslapp.methods.plugin import read_planned
from sslapp.methods.registry import find_card, method_class
from sslapp.rounds import PASSED_OVER, RoundPhase
from sslapp.rounds.by_picture import ByPicture
from sslapp.rounds.data import TaskPixels
from sslapp.rounds.frames import Frames
from sslapp.rounds.listed import publish_listed
from sslapp.rounds.loading import load_task, pixel_segments, stored_pictures
from sslapp.rounds.own_map import write_own_map
from sslapp.rounds.pictures import Pictures
from sslapp.rounds.plan import apply_plan, as_planned, differences, make_plan
from sslapp.rounds.publishing import Ended, publish
from sslapp.store import reports, rounds
from sslapp.store.database import reading
from sslapp.store.rounds import LISTED, PIXELS, PLUGIN, is_planned
from sslapp.training.calibration.out_of_sample import ask, source_of
from sslapp.training.calibration.sources import FITS
from sslapp.training.method import Method, Predictor
from sslapp.training.run import Report, Run, Stopped
from sslapp.training.task import Features, Pixels, Task
from sslapp.vocabulary import FailureKind, Gear

PREDICT_CHUNK = 2048
"""Rows predicted at once, so that no set has to fit into memory."""

CHECKPOINT_SECONDS = 20.0
"""Least time between two checkpoints of a training: what a kill costs at most."""


def run_round(context: JobContext) -> None:
    """Handle a job of kind `round`; params: {"round_id": ..., "inexact": bool}.

    Raises:
        JobRefused: when the plan cannot be kept on this machine, or the task cannot be trained on.
        Cancelled: when a reader cancelled it.
    """
    started = time.monotonic()
    with reading(context.engine) as conn:
        row = rounds.round_columns(conn, context.claim.params["round_id"])
    if LISTED in row["plan"]:
        publish_listed(context, row)
        return
    card, method = _method(row)
    plan = _planned(context, row)
    say = _sayer(context, row["id"], plan)
    device, dtype = apply_plan(plan)
    task = _task(context, row, plan.get(PIXELS), join=not card.averages_encoders)
    by_picture = _by_picture(context, row, len(task.labels))
    taught = task if by_picture is None else by_picture.task(task)
    frames = Frames(
        task,
        row["seed"],
        context.folder / "frames",
        [each / "frames" for each in context.earlier],
        say,
    )
    gear, chosen = Gear(row["gear"]), method(method.Config(**row["config"]))
    fits = FITS[source_of(chosen, taught, gear)]
    run = Run(
        gear=gear,
        device=device,
        seed=row["seed"],
        folder=context.folder / "stages",
        earlier=tuple(folder / "stages" for folder in context.earlier),
        report=_training(context, row["id"], fits, lambda: _cost(started, device)),
        should_stop=context.should_stop,
        dtype=dtype,
        kernels=plan["kernels"],
        checkpoint_seconds=CHECKPOINT_SECONDS,
        observer=frames.observe if by_picture is None else by_picture.observing(frames.observe),
        viewer=Pictures(context.folder).look,
        weights=context.workspace.weights,
        say=say,
    )
    try:
        predictor: Predictor = chosen.fit(taught, run)
        answers = ask(chosen, taught, run.apart(_calibrating(context, fits)), predictor)
        if by_picture is not None:
            predictor = by_picture.predictor(predictor)
            answers = by_picture.answers(answers, task)
        logits, members = _predict(context, predictor, task, run.gear)
        own = _own_map(context, predictor, task, run)
    except Stopped:
        raise Cancelled from None
    seconds = time.monotonic() - started
    ended = Ended(
        probabilities=torch.softmax(torch.from_numpy(logits), dim=1).numpy(),
        answers=answers,
        seconds=seconds,
        predictor=predictor,
        members=members,
        own=own,
        frames=frames.finish(),
    )
    publish(context, row, task, ended)


def _method(row: Mapping[str, Any]) -> tuple[MethodCard, type[Method]]:
    """The card and the code of the round's method."""
    if PLUGIN in row["plan"]:
        plugin = read_planned(row["plan"][PLUGIN])
        return plugin.card, plugin.method
    method = method_class(row["method"])
    return find_card(row["method"]), method


def _planned(context: JobContext, row: Mapping[str, Any]) -> dict[str, Any]:
    """The stored plan; the first attempt makes it, a later one must be able to keep it."""
    if not is_planned(row["plan"]):
        steps = row["config"].get("steps", 0)
        plan = {**row["plan"], **make_plan(context.threads, **_asked(context), steps=steps)}
        _store_plan(context, row["id"], plan, project_id=row["project_id"])
        return plan
    changed = differences(row["plan"], context.threads, **_asked(context))
    if not changed:
        return dict(row["plan"])
    if not context.claim.params.get("inexact"):
        raise JobRefused(
            f"Round {row['number']} cannot be resumed exactly here: {'; '.join(changed)}. Start "
            f"the worker as it was planned, or resume with --inexact to accept other rounding.",
            FailureKind.INEXACT,
        )
    here = as_planned(row["plan"], context.threads, **_asked(context))
    inexact = [*row["plan"].get("inexact", []), *changed]
    plan = {**row["plan"], **here, "inexact": inexact}
    _store_plan(context, row["id"], plan)
    return plan


def _asked(context: JobContext) -> dict[str, Any]:
    """What the machine's settings say of kernels."""
    settings = context.workspace
    return {"kernels": settings.kernels, "deterministic": settings.deterministic}


def _store_plan(
    context: JobContext,
    round_id: int,
    plan: dict[str, Any],
    message: str = "planned",
    *,
    project_id: int | None = None,
) -> None:
    """Keep the plan; of a project, with the pixels that it has at that moment.

    The training store may be made again while the round is under way.
    """

    def write(conn: Connection) -> None:
        if project_id is not None:
            plan[PIXELS] = pixel_segments(conn, project_id)
        rounds.change_round(conn, round_id, {"plan": dict(plan)})

    context.progress(0, 0, message, also=write)


def _sayer(context: JobContext, round_id: int, plan: dict[str, Any]) -> Callable[[str], None]:
    """A function that keeps a sentence about a damaged file in the log and in the round's plan."""

    def say(text: str) -> None:
        said = plan.setdefault(PASSED_OVER, [])
        if text not in said:  # a later attempt comes by the same file
            said.append(text)
            context.log.warning("passed over", what=text)
            _store_plan(context, round_id, plan, text)

    return say


def _task(
    context: JobContext, row: Mapping[str, Any], segments: Sequence[str] | None, *, join: bool
) -> Task:
    own = [] if row["embedding_id"] is None else [row["embedding_id"]]
    return load_task(
        context.workspace,
        context.engine,
        row["project_id"],
        row["snapshot_id"],
        embedding_ids=[*own, *(row["embeddings_beside"] or ())],
        view_set_id=row["view_set_id"],
        join=join,
        segments=segments,
        image_size=row["config"].get("image_size", 0) if row["gear"] == Gear.PIXELS else 0,
        report=lambda done, count: _read(context, done, count),
    )


def _by_picture(context: JobContext, row: Mapping[str, Any], count: int) -> ByPicture | None:
    """The pictures of the first images that a network is trained on, where images are several."""
    if row["gear"] != Gear.PIXELS:
        return None  # features of an image are the mean of its pictures' already
    found = stored_pictures(
        context.workspace,
        context.engine,
        row["project_id"],
        image_size=row["config"].get("image_size", 0),
        report=lambda done, count: _read(context, done, count),
    )
    if found is None:
        return None
    pictures = found[0].first(count)
    return ByPicture(pictures, TaskPixels(found[1]).first(pictures.total))


def _read(context: JobContext, done: int, count: int) -> None:
    context.check()
    context.progress(done, count, RoundPhase.READING)


def _training(
    context: JobContext, round_id: int, fits: int, cost: Callable[[], dict[str, float]]
) -> Report:
    """What the round's own fit reports: how far it is, with all fits, and its curves."""

    def report(step: int, total: int, metrics: Mapping[str, float]) -> None:
        if not math.isfinite(metrics.get("loss", 0.0)):
            raise JobRefused(
                f"The training diverged: the loss is {metrics['loss']} at step {step} of {total}. "
                "Start a new round with a lower learning rate."
            )

        def write(conn: Connection) -> None:
            # a mean over nothing has no place in a curve; a resumed attempt repeats a few steps
            known = {**metrics, **cost()}
            finite = {name: value for name, value in known.items() if math.isfinite(value)}
            reports.report(conn, round_id, step, finite)

        context.progress(step, fits * total, RoundPhase.TRAINING, also=write if metrics else None)

    return report


def _calibrating(context: JobContext, fits: int) -> Report:
    """What the fits beside the round's own report: how far it is, after that one, with all."""

    def report(step: int, total: int, _: Mapping[str, float]) -> None:
        each = total // (fits - 1)
        context.progress(each + step, each + total, RoundPhase.CALIBRATING)

    return report


def _cost(started: float, device: torch.device) -> dict[str, float]:
    """What the attempt has taken so far: seconds, and bytes of the GPU's memory at most."""
    cost = {"seconds": time.monotonic() - started}
    if device.type == "cuda":
        cost["gpu memory"] = float(torch.cuda.max_memory_allocated(device))
    return cost


def _predict(
    context: JobContext, predictor: Predictor, task: Task, gear: Gear
) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float16]]]:
    """Score every row, the test split's included. Returns (N, C) logits, and each member's shares.

    The members' are float16: they are compared with each other and calibrate nothing.
    """
    source = _source(task, gear)
    count = len(task.labels)
    parts, members = [], defaultdict[str, list[NDArray[np.float16]]](list)
    for first in range(0, count, PREDICT_CHUNK):
        context.check()
        rows = np.arange(first, min(first + PREDICT_CHUNK, count), dtype=np.int64)
        logits, said = predictor.with_members(source, rows)
        parts.append(logits.float().cpu().numpy())
        for name, p in said.items():
            members[name].append(p.cpu().numpy().astype(np.float16))
        context.progress(first, count, RoundPhase.PREDICTING)
    whole = {name: np.concatenate(pieces) for name, pieces in members.items()}
    return np.concatenate(parts), whole


def _source(task: Task, gear: Gear) -> Pixels | Features:
    source = task.pixels if gear == Gear.PIXELS else task.features
    assert source is not None  # the fit would have refused the task
    return source


def _own_map(context: JobContext, predictor: Predictor, task: Task, run: Run) -> dict[str, Path]:
    """Write what the trained model makes of every image, the test split's included."""
    count = len(task.labels)

    def said(done: int) -> None:
        context.check()
        context.progress(done, count, RoundPhase.MAPPING)

    source = _source(task, run.gear)
    return write_own_map(predictor, source, count, context.folder, seed=run.seed, said=said)
