"""Start, follow, cancel and resume rounds."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, RowMapping

from sslapp.jobs import queue
from sslapp.methods.card import MethodCard
from sslapp.rounds.starting import add_round
from sslapp.store import projects, rounds, snapshots
from sslapp.store.database import reading, writing
from sslapp.store.embeddings import latest_embedding, latest_views, newest_of_encoders
from sslapp.store.projects import ProjectSettings
from sslapp.store.rounds import PLUGIN
from sslapp.store.snapshots import SnapshotRow
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.images.embeddings import learned
from sslapp.usecases.images.encoded_views import NOT_ENCODED
from sslapp.usecases.jobs import require_control
from sslapp.usecases.training.plugins import Plugin, chosen_card
from sslapp.usecases.training.suggestion import read_suggested
from sslapp.usecases.training.trials import covering
from sslapp.vocabulary import Gear, JobKind, JobState

DEFAULT_METHOD = "fixmatch"

OF_JOB = (
    *("reader_id", "state", "step", "total", "message", "attempt", "error"),
    *("started_at", "finished_at"),
)
"""What a round's status takes from its job."""


def start_round(
    access: Access,
    project: str | int | None,
    *,
    method: str | None = None,
    gear: Gear | None = None,
    config: Mapping[str, Any] | None = None,
    encoder: str | None = None,
    same_as: int | None = None,
    seed: int = 0,
    after: int | None = None,
    plugin: Plugin | None = None,
) -> int:
    """Freeze a snapshot, queue a round on it, and return the round's number.

    Args:
        method: a name of the registry, or the plugin's; default: the plugin's, and without one what
            `suggestion.read_suggested` says.
        gear: default: the first that the method can run in.
        config: options that differ from the method's defaults.
        encoder: whose features to use; default: those of every encoder that has learned from
            images, and of the newest embedding for a method that compares encoded views.
        same_as: number of a round whose snapshot to train on instead, to compare methods.
        seed: of everything random in the round.
        after: number of the newest round that the caller knows of (0 for none); refused when there
            is a newer one, so that a double click starts one round.
        plugin: a method that a file holds; its path and hash are kept in the round's plan.

    Raises:
        ValueError: for an unknown method or option, or when there is nothing to train on.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        newest = rounds.newest_number(conn, project_id)
        if after is not None and newest != after:
            raise ValueError(f"Round {newest} was started meanwhile. Look at it first.")
        return _queue(
            conn,
            access,
            project_id,
            method=method,
            gear=gear,
            config=config,
            encoder=encoder,
            same_as=same_as,
            seed=seed,
            plugin=plugin,
        )


def start_side_by_side(
    access: Access, project: str | int | None, methods: Sequence[str], *, seed: int = 0
) -> list[int]:
    """Queue a round of each method on one snapshot, all or none, and return their numbers.

    Each runs in its preferred gear with its usual options; raises like `start_round`.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        numbers: list[int] = []
        for method in methods:
            first = numbers[0] if numbers else None
            number = _queue(conn, access, project_id, method=method, same_as=first, seed=seed)
            numbers.append(number)
    return numbers


def _queue(
    conn: Connection,
    access: Access,
    project_id: int,
    *,
    method: str | None,
    gear: Gear | None = None,
    config: Mapping[str, Any] | None = None,
    encoder: str | None = None,
    same_as: int | None = None,
    seed: int = 0,
    plugin: Plugin | None = None,
) -> int:
    settings = projects.find_project(conn, project_id).settings
    if same_as is None:
        snapshot = snapshots.freeze(conn, access.workspace, project_id)
    else:
        snapshot = rounds.find_round(conn, project_id, same_as).snapshot
    if method is None and plugin is None:
        suggested = read_suggested(
            conn,
            project_id,
            labelled=snapshot.counts["labelled"],
            class_ids=snapshot.class_ids,
            images=snapshot.counts["images"],
            gear=gear,
        ).suggestion
        method, gear = suggested.method, suggested.gear
        encoder = encoder or suggested.encoder
        config = {**suggested.config, **(config or {})}
    card = chosen_card(method, plugin)
    chosen, options = _method(card, gear, config or {}, settings)
    many = encoder is None and chosen == Gear.FEATURES and card.several_encoders
    features, *beside = _features(conn, project_id, snapshot, encoder, many=many)
    _check_trainable(snapshot, chosen, features)
    if chosen == Gear.FEATURES and card.compares_views:
        _check_views(conn, features)
    if features is not None and features["count"] < snapshot.counts["images"]:
        features = None  # it lacks images that the round covers
    views = None if features is None else latest_views(conn, features["id"])
    job_id = queue.enqueue(conn, project_id, JobKind.ROUND, {}, access.reader_id)
    return add_round(
        conn,
        snapshot,
        job_id,
        access.reader_id,
        asked={"method": card.name, "gear": chosen, "config": options, "seed": seed},
        using={
            "plan": {} if plugin is None else {PLUGIN: plugin.row()},
            "encoder": features["encoder"] if features else None,
            "embedding_id": features["id"] if features else None,
            "embeddings_beside": [each["id"] for each in beside if each] or None,
            "view_set_id": views["id"] if views else None,
        },
        beside={} if plugin is None else {"plugin_sha256": plugin.sha256},
    )


def _features(
    conn: Connection,
    project_id: int,
    snapshot: SnapshotRow,
    encoder: str | None,
    *,
    many: bool,
) -> list[RowMapping | None]:
    """What a round takes features from: one embedding, or those of several encoders."""
    if many:
        known = newest_of_encoders(conn, project_id)
        names = learned(covering(known, snapshot.counts["images"]))
        if names:
            return [latest_embedding(conn, project_id, each) for each in names]
    return [latest_embedding(conn, project_id, encoder)]


def _method(
    method: MethodCard, gear: Gear | None, config: Mapping[str, Any], settings: ProjectSettings
) -> tuple[Gear, dict[str, Any]]:
    """Check gear and options. Returns the gear and the complete options."""
    chosen = gear or method.gears[0]
    if chosen not in method.gears:
        raise ValueError(f"{method.title} does not run in the {chosen} gear.")
    options = dict(config)
    if "flip" in method.options.model_fields:
        options.setdefault("flip", settings.flip)
    try:
        return chosen, method.options(**options).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        known = ", ".join(method.options.model_fields)
        raise ValueError(
            f"{method.title}, option {where}: {first['msg']}. It has: {known}."
        ) from None


def _check_trainable(snapshot: SnapshotRow, gear: Gear, features: RowMapping | None) -> None:
    counts = snapshot.counts
    if counts["labelled"] == 0:
        raise ValueError("No image outside the holdout has a label yet. Label a few first.")
    if len(snapshot.class_ids) < 2:
        raise ValueError("A round needs at least two classes. Add one.")
    if gear == Gear.FEATURES and (features is None or features["count"] < counts["images"]):
        raise ValueError("Not all images are embedded yet. Run `sslapp embed` and wait for it.")


def _check_views(conn: Connection, features: RowMapping | None) -> None:
    if features is None or latest_views(conn, features["id"]) is None:
        raise ValueError(NOT_ENCODED)


def round_status(
    access: Access, project: str | int | None, number: int | None = None
) -> dict[str, Any]:
    """A round's columns with where its job stands; default: the newest.

    Raises:
        ValueError: when there is no such round.
    """
    with reading(access.engine) as conn:
        found = rounds.find_round(conn, find_project(conn, access, project), number)
        job = queue.read_job(conn, found.job_id)
        return {
            **rounds.round_columns(conn, found.id),
            **{name: job[name] for name in OF_JOB},
        }


def cancel_round(access: Access, project: str | int | None, number: int | None = None) -> JobState:
    """Cancel a round: at once while it is queued, at its next step while it runs.

    Raises:
        NotAllowed: when the reader neither started it nor is an admin.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        job_id = rounds.find_round(conn, project_id, number).job_id
        require_control(conn, access, queue.read_job(conn, job_id))
        return queue.cancel(conn, job_id)


def resume_round(
    access: Access,
    project: str | int | None,
    number: int | None = None,
    *,
    inexact: bool = False,
) -> None:
    """Queue a failed or cancelled round again; it goes on from its last checkpoint.

    Args:
        inexact: accept another thread count, processor or version than the round was planned
            with; what differed is recorded in its plan.

    Raises:
        NotAllowed: when the reader neither started it nor is an admin.
    """
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        job_id = rounds.find_round(conn, project_id, number).job_id
        require_control(conn, access, queue.read_job(conn, job_id))
        queue.requeue(conn, job_id, {"inexact": inexact})
