"""Play the whole loop with a simulated reader and measure what it cost and what it gave."""

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sslapp.acquisition.cards import STRATEGY_CARDS
from sslapp.jobs.queue import ENDED
from sslapp.jobs.worker import POLL_EVERY
from sslapp.methods.supervised.config import CARD as SUPERVISED
from sslapp.review.audits.forecast import Weighed
from sslapp.simulation.loop import LoopSettings, Played, Proposed, finish, play
from sslapp.simulation.reader import ReaderModel, SimulatedReader
from sslapp.store import images, projects
from sslapp.store.database import reading
from sslapp.store.rounds import PIXELS, finished_round
from sslapp.store.state import load_state
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.auditing.answers import answer, next_looks
from sslapp.usecases.auditing.certificate import certify
from sslapp.usecases.auditing.opening import audit_labels
from sslapp.usecases.auditing.progress import at_most_wrong
from sslapp.usecases.images.embeddings import DEFAULT_ENCODER, embed
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.jobs import job_status
from sslapp.usecases.labelling import decisions, picks, verdicts
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.projects.status import status
from sslapp.usecases.reviewing import bulk_decisions
from sslapp.usecases.reviewing.candidates import propose
from sslapp.usecases.reviewing.proofs import weigh_candidates
from sslapp.usecases.training.plugins import Plugin
from sslapp.usecases.training.rounds import DEFAULT_METHOD, round_status, start_round
from sslapp.vocabulary import Gear, JobState

__all__ = ["BALANCED", "ReaderModel", "Simulation", "prove", "simulate"]

BALANCED = "balanced"
"""The benchmark protocol's labelled set, as many images of each class; it needs the truth and is
therefore known to simulation alone."""


USUAL_REVIEWS = 39
"""Doubtful candidates that are judged singly where nothing is to be proven."""


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What to simulate; see `sslapp simulate --help` for the options in words.

    Attributes:
        project: name of a project in which nobody labelled anything yet, with images, true labels
            and features, to be played in; None imports and encodes `data`.
        plugin: the method, if a file holds it; `method` is its name then.
        upper_limit: whether to say what the supervised baseline reaches with all true labels.
    """

    data: str = "digits"
    root: Path | None = None
    method: str = DEFAULT_METHOD
    gear: Gear | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    encoder: str = DEFAULT_ENCODER
    acquisition: str = "auto"
    rounds: int = 2
    most_rounds: int = 0
    labels: int = 40
    reviews: int | None = None
    accept_above: float = 1.01
    accept_at_last: float = 0.0
    certify: float | None = None
    reader: ReaderModel = field(default_factory=ReaderModel)
    seed: int = 0
    threads: int | None = None
    project: str | None = None
    plugin: Plugin | None = None
    upper_limit: bool = False


def simulate(
    access: Access,
    what: Simulation,
    on_round: Callable[[dict[str, Any]], None] = lambda row: None,
) -> dict[str, Any]:
    """Play a loop in the workspace of `access` and return the report.

    Args:
        what: data, method, reader and the loop.
        on_round: called with each round's row as soon as it is known.

    Raises:
        ValueError: when the data have no true labels, or a job failed.
    """
    started = time.monotonic()
    desk = _SimulatedDesk(access, what)
    reader, settings = _reader(desk, what), _settings(what)
    rows = []
    for played in play(desk, reader, settings):
        rows.append({**desk.score(played), "seconds": round(time.monotonic() - started, 2)})
        on_round(rows[-1])
    last = rows[-1]
    proven = {} if what.certify is None else {"certificate": desk.certificate()}
    limit = {"upper_limit": desk.upper_limit()} if what.upper_limit else {}
    return {
        "data": what.data,
        "images": len(desk.truth),
        "classes": len(desk.class_names),
        "method": what.method,
        "gear": desk.gear,
        "acquisition": what.acquisition,
        "seed": what.seed,
        "project": desk.project,
        "rounds": rows,
        "final": {
            "label_accuracy": last["label_accuracy"],
            "test_accuracy": last["test_accuracy"],
            "reader_actions": last["reader_actions"],
            "reader_seconds": round(reader.seconds, 1),
            "seconds": round(time.monotonic() - started, 2),
            **proven,
            **limit,
        },
    }


def prove(access: Access, what: Simulation) -> dict[str, Any]:
    """Play what comes after the last round, in a project whose newest round has finished.

    Args:
        what: names the `project`, and what to `certify`.

    Returns:
        `reader_actions`, `label_accuracy` and the `certificate`.
    """
    desk = _SimulatedDesk(access, what)
    candidates, accepted = finish(desk, _reader(desk, what), _settings(what))
    scored = desk.score(Played(0, 0, candidates, accepted))
    kept = {name: scored[name] for name in ("reader_actions", "label_accuracy")}
    return {**kept, "certificate": desk.certificate()}


def _reader(desk: "_SimulatedDesk", what: Simulation) -> SimulatedReader:
    return SimulatedReader(desk.truth, len(desk.class_names), what.reader, seed=what.seed)


def _settings(what: Simulation) -> LoopSettings:
    usual = USUAL_REVIEWS if what.certify is None else None
    return LoopSettings(
        rounds=what.rounds,
        most_rounds=what.most_rounds,
        labels=what.labels,
        reviews=usual if what.reviews is None else what.reviews,
        accept_above=what.accept_above,
        accept_at_last=what.accept_at_last,
        certify=what.certify,
    )


class _SimulatedDesk:
    """The use cases as the loop sees them, with the scorer that knows the truth beside them."""

    def __init__(self, access: Access, what: Simulation) -> None:
        self._access = access
        self._what = what
        self._project_id = self._prepare() if what.project is None else self._find(what.project)
        found = status(access, self._project_id)
        self.project = found.name
        self.class_names = [each.name for each in found.classes]
        self._class_ids = [each.id for each in found.classes]
        self.truth = self._read_truth()
        self.gear = ""

    def _prepare(self) -> int:
        what = self._what
        name = _free_name(self._access, f"{Path(what.data).stem} {what.seed}")
        project_id = create_project(self._access, name)
        self._finish(import_images(self._access, project_id, what.data, root=what.root))
        self._finish(embed(self._access, project_id, what.encoder, what.seed))
        return project_id

    def _find(self, name: str) -> int:
        with reading(self._access.engine) as conn:
            return find_project(conn, self._access, name)

    def next_images(self, count: int) -> list[int]:
        if self._what.acquisition == BALANCED:
            return self._balanced(count)
        strategy = self._what.acquisition
        card = STRATEGY_CARDS.get(strategy)
        if card is not None and card.needs_round and not self.gear:
            strategy = "auto"  # what a reader has to begin with
        chosen = picks.next_images(
            self._access, self._project_id, count, strategy=strategy, seed=self._what.seed
        )
        return [each.position for each in chosen]

    def label(self, position: int, column: int) -> None:
        decisions.label(self._access, self._project_id, position, self.class_names[column])

    def train(self) -> None:
        what = self._what
        number = start_round(
            self._access,
            self._project_id,
            method=what.method,
            gear=what.gear,
            config=what.config,
            encoder=what.encoder,
            seed=what.seed,
            plugin=what.plugin,
        )
        row = round_status(self._access, self._project_id, number)
        self.gear = row["gear"]
        self._finish(row["job_id"])

    def propose(self, threshold: float) -> Proposed:
        found = propose(self._access, self._project_id, threshold=threshold).candidates
        return Proposed(found.positions, found.columns, found.confidence)

    def accept(self, position: int) -> None:
        verdicts.accept(self._access, self._project_id, [position])

    def relabel(self, position: int, column: int) -> None:
        verdicts.relabel(self._access, self._project_id, position, self.class_names[column])

    def accept_in_bulk(self, positions: NDArray[np.int64]) -> None:
        bulk_decisions.bulk_accept(self._access, self._project_id, positions, unproven=True)

    def weigh(self, precision: float) -> Weighed:
        return weigh_candidates(self._access, self._project_id, target=precision)

    def open_audit(self, precision: float) -> None:
        audit_labels(self._access, self._project_id, target=precision)

    def next_look(self) -> int | None:
        looks = next_looks(self._access, self._project_id)
        return looks[0].position if looks else None

    def answer(self, position: int, column: int) -> None:
        said = self.class_names[column]
        answer(self._access, self._project_id, None, position, said)

    def is_certified(self, precision: float) -> bool:
        # the certificate reads every label; what it can say at best is known from the audit alone
        if at_most_wrong(self._access, self._project_id) > (1 - precision) * len(self.truth):
            return False
        return certify(self._access, self._project_id).precision >= precision

    def certificate(self) -> dict[str, Any]:
        """What is proven in the end, and what the proof cost."""
        found = certify(self._access, self._project_id)
        return {
            "precision": round(found.precision, 6),
            "alpha": found.alpha,
            "labels": found.labels,
            "looks": sum(each.answered for each in found.lots),
            "errors": found.errors,
        }

    def score(self, played: Played) -> dict[str, Any]:
        """The round's row of the report; the only place that reads all true labels."""
        workspace = self._access.workspace
        with reading(self._access.engine) as conn:
            state = load_state(conn, self._project_id)
            newest = finished_round(conn, self._project_id)
        answers = newest.read_probabilities(workspace).argmax(axis=1)
        right = state.labels == self.truth
        return {
            "round": newest.number,
            "reader_actions": state.reader_actions,
            "labels": played.labels,
            "candidates": played.candidates,
            "accepted": len(played.accepted),
            "accepted_precision": _mean(right[played.accepted]),
            "label_accuracy": _mean(right[~state.is_test]),
            "test_accuracy": _mean((answers == self.truth)[state.is_test]),
        }

    def upper_limit(self) -> dict[str, Any]:
        """How right the supervised baseline is when it is told all true labels: the network, steps
        and seed are the last round's, the images those that it trained on or gave proposals for."""
        from sslapp.methods.registry import method_class
        from sslapp.rounds.loading import load_task
        from sslapp.rounds.plan import apply_plan
        from sslapp.simulation.upper_limit import with_all_labels
        from sslapp.training.run import Run

        workspace, engine = self._access.workspace, self._access.engine
        with reading(engine) as conn:
            newest = finished_round(conn, self._project_id)
            is_test = load_state(conn, self._project_id).is_test
        own = [] if newest.embedding_id is None else [newest.embedding_id]
        in_pixels = newest.gear == Gear.PIXELS
        known = load_task(
            workspace,
            engine,
            self._project_id,
            newest.snapshot.id,
            embedding_ids=[*own, *(newest.embeddings_beside or ())],
            join=True,
            segments=newest.plan.get(PIXELS),
            image_size=newest.config.get("image_size", 0) if in_pixels else 0,
        )
        task = with_all_labels(known, self.truth)
        options = {k: v for k, v in newest.config.items() if k in SUPERVISED.options.model_fields}
        method = method_class(SUPERVISED.name)
        device, dtype = apply_plan(newest.plan)
        with tempfile.TemporaryDirectory(prefix="sslapp-") as folder:
            run = Run(
                gear=Gear(newest.gear),
                device=device,
                seed=newest.seed,
                folder=Path(folder),
                dtype=dtype,
                kernels=newest.plan["kernels"],
                weights=workspace.weights,
            )
            fitted = method(method.Config(**options)).fit(task, run)
        source = task.pixels if in_pixels else task.features
        assert source is not None  # the round has trained on it

        def right(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
            answers = fitted.logits(source, rows).argmax(dim=1).cpu().numpy()
            return answers == self.truth[rows] if len(rows) else np.zeros(0, dtype=np.bool_)

        held, tested = right(task.validation), right(np.flatnonzero(is_test))
        return {
            "labels": len(task.labelled),
            "holdout": len(held),
            "holdout_accuracy": _mean(held),
            "test": len(tested),
            "test_accuracy": _mean(tested),
        }

    def _balanced(self, count: int) -> list[int]:
        with reading(self._access.engine) as conn:
            pool = load_state(conn, self._project_id).pool
        rng = np.random.default_rng([self._what.seed, len(pool)])
        each, rest = divmod(count, len(self.class_names))
        if rest:
            raise ValueError(
                f"--labels {count} cannot be shared equally by {len(self.class_names)} classes."
            )
        chosen = [
            rng.choice(pool[self.truth[pool] == column], each, replace=False)
            for column in range(len(self.class_names))
        ]
        return [int(position) for position in np.concatenate(chosen)]

    def _read_truth(self) -> NDArray[np.int64]:
        with reading(self._access.engine) as conn:
            ids = images.true_labels(conn, self._project_id)
        if (ids < 0).any():
            raise ValueError(
                f"{self._what.data} has no true labels for {int((ids < 0).sum())} images; "
                "a simulated reader needs all of them."
            )
        order = np.argsort(self._class_ids)
        return order[np.searchsorted(np.array(self._class_ids)[order], ids)].astype(np.int64)

    def _finish(self, job_id: int) -> None:
        from sslapp.usecases.handlers import run_worker

        while True:
            run_worker(
                self._access,
                threads=self._what.threads or os.cpu_count(),  # no app beside it to keep fluent
                until_idle=True,
            )
            row = job_status(self._access, job_id)
            if row["state"] in ENDED:
                break
            time.sleep(POLL_EVERY)  # a worker of this workspace was quicker to take it
        if row["state"] != JobState.DONE:
            raise ValueError(f"The {row['kind']} job ended as {row['state']}: {row['error']}")


def _mean(right: NDArray[np.bool_]) -> float | None:
    return round(float(right.mean()), 6) if len(right) else None


def _free_name(access: Access, wanted: str) -> str:
    with reading(access.engine) as conn:
        taken = {row.name for row in projects.list_projects(conn)}
    numbered = (f"{wanted} ({count})" for count in range(2, 10**6))
    return wanted if wanted not in taken else next(n for n in numbered if n not in taken)
