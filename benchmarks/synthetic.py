"""A workspace with one large made-up project, for measuring: nothing in it has to be trained.

    python benchmarks/synthetic.py --images 60000 --to /tmp/large
    SSLAPP_WORKSPACE=/tmp/large streamlit run app.py

Images are 8 x 8 pixels of their class's pattern and noise; features are a Gaussian mixture; the
projection puts the classes on a ring, so that neighbours overlap. Two finished rounds predict from
class centres that are a little wrong (the older round's more so), so confidence is informative and
some predictions flip between them. Everything goes through the program's own tables and event
log: `sslapp verify` finds nothing to complain about.
"""

import argparse
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from sslapp import durable
from sslapp.imaging.decode import pixel_sha256
from sslapp.imaging.pixels import PixelWriter
from sslapp.jobs import queue
from sslapp.methods.registry import CARDS
from sslapp.store import images, label_classes, reports, snapshots
from sslapp.store.database import reading, writing
from sslapp.store.images import NewImage
from sslapp.store.integrity import files, seals
from sslapp.store.log import events
from sslapp.store.log.events import Draft
from sslapp.store.projects import ProjectSettings
from sslapp.store.schema import embedding, job, round_, round_metric
from sslapp.store.snapshots import SnapshotRow
from sslapp.usecases.access import Access, enter
from sslapp.usecases.maintenance.verification import verify_project
from sslapp.usecases.projects.settings import create_project
from sslapp.vocabulary import CalibratedOn, EventKind, Gear, JobKind, JobState
from sslapp.workspace import Workspace

NAME = "Synthetic"
SIDE, DIMENSIONS = 8, 16
CHUNK = 50_000
HOLDOUT_EVERY = 6
SPREAD = 0.55
"""Of an image around its class's centre, where centres lie about 1.4 apart."""

ROUNDS = (("supervised", 0.6, 0.28), ("fixmatch", 1.0, 0.12))
"""Method, share of the labels it knew, and how far its class centres are off."""


def build(
    root: Path,
    n: int,
    *,
    classes: int = 10,
    labels: int = 500,
    seed: int = 0,
    reader: str | None = None,
) -> Access:
    """Make the workspace at `root` and return access to it as its admin.

    Args:
        n: images, all in the pool.
        labels: expert labels; every sixth is of an image drawn for the holdout.
        reader: who owns it; default: the account's own name.
    """
    access = enter(Workspace(workspace=root), reader)
    names = [f"class {c}" for c in range(classes)]
    settings = ProjectSettings(image_size=SIDE, grey=True)
    project_id = create_project(access, NAME, names, settings)
    made = Mixture(n, classes, seed)
    add_images(access, project_id, made)
    add_embedding(access, project_id, made)
    order = made.generator("labels").permutation(n)[:labels]
    first = round(labels * ROUNDS[0][1])
    for number, part in enumerate((order[:first], order[first:]), start=1):
        add_labels(access, project_id, made, part, seed=number)
        add_round(access, project_id, made, number)
    return access


class Mixture:
    """What is made up: truth, features and probabilities of n images.

    Attributes:
        truth: (n,) int64 class columns.
        features: (n, DIMENSIONS) float32.
    """

    def __init__(self, n: int, classes: int, seed: int) -> None:
        self.seed, self.classes = seed, classes
        draw = self.generator("features")
        self.centres = draw.normal(size=(classes, DIMENSIONS)).astype(np.float32) * 0.25
        self.truth = draw.integers(0, classes, n)
        noise = draw.standard_normal((n, DIMENSIONS), dtype=np.float32)
        self.features = self.centres[self.truth] * 2 + np.float32(SPREAD) * noise

    def generator(self, purpose: str) -> np.random.Generator:
        """A generator of its own for each purpose."""
        return np.random.default_rng([self.seed, *purpose.encode()])

    def pixels(self, start: int, stop: int) -> NDArray[np.uint8]:
        """(stop - start, 8, 8, 1): the class's pattern with noise."""
        shape = (SIDE, SIDE, 1)
        patterns = self.generator("patterns").integers(0, 200, (self.classes, *shape))
        draw = self.generator(f"pixels {start}")
        noise = draw.integers(0, 56, (stop - start, *shape))
        return (patterns[self.truth[start:stop]] + noise).astype(np.uint8)

    def projection(self) -> NDArray[np.float32]:
        """(n, 2): classes on a ring, images around them by their first two features."""
        angles = np.arange(self.classes) * (2 * np.pi / self.classes)
        ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        around = self.features[:, :2] - 2 * self.centres[self.truth, :2]
        return (0.75 * ring[self.truth] + 0.18 * around).astype(np.float32)

    def logits(self, number: int, error: float) -> NDArray[np.float32]:
        """(n, C): log-likelihoods under centres that are wrong by `error`, in chunks."""
        wrong = self.generator(f"round {number}").normal(0, error, self.centres.shape)
        centres = (2 * self.centres + wrong).astype(np.float32)
        found = np.empty((len(self.truth), self.classes), dtype=np.float32)
        for start in range(0, len(found), CHUNK):
            rows = self.features[start : start + CHUNK]
            # the squared length of a row is the same for all classes and is left out
            found[start : start + CHUNK] = rows @ centres.T - (centres**2).sum(axis=1) / 2
        return found / np.float32(SPREAD**2)


def add_images(access: Access, project_id: int, made: Mixture) -> None:
    """Pixels, image rows, true labels and the import's event."""
    n = len(made.truth)
    job_id, folder = begin_job(access, project_id, JobKind.IMPORT, {"source": NAME})
    path = folder / "pixels.npy"
    with reading(access.engine) as conn:
        ids = [row.id for row in label_classes.classes(conn, project_id)]

    def rows() -> Iterator[NewImage]:
        with PixelWriter(path, n, SIDE, 1) as writer:
            for start in range(0, n, CHUNK):
                block = made.pixels(start, min(start + CHUNK, n))
                writer.append(block)
                truth = made.truth[start : start + CHUNK].tolist()
                for i, (picture, column) in enumerate(zip(block, truth, strict=True), start):
                    digest = pixel_sha256(picture)
                    yield NewImage(f"{i:07d}.png", digest, SIDE, SIDE, true_class=ids[column])

    with writing(access.engine, project_id) as conn:
        stored = access.workspace.relative(path)
        images.add_image_set(conn, project_id, NAME, stored, rows(), reader_id=access.reader_id)
        files.record(conn, project_id, files.describe(access.workspace, [path]))
        finish(conn, job_id, {"images": n, "refused": []})


def add_embedding(access: Access, project_id: int, made: Mixture) -> None:
    job_id, folder = begin_job(access, project_id, JobKind.EMBED, {"encoder": "pixels", "seed": 0})
    arrays = {"features": made.features, "projection": made.projection()}
    for name, array in arrays.items():
        durable.write_array(folder / f"{name}.npy", array)
    values = {
        "project_id": project_id,
        "encoder": "pixels",
        "count": len(made.truth),
        "dim": DIMENSIONS,
        **{name: access.workspace.relative(folder / f"{name}.npy") for name in arrays},
        "created_at": queue.now(),
    }
    with writing(access.engine, project_id) as conn:
        seals.insert(conn, embedding, values)
        files.record(conn, project_id, files.describe(access.workspace, folder.glob("*.npy")))
        finish(conn, job_id, {"encoder": "pixels", "shape": list(made.features.shape)})


def add_labels(
    access: Access, project_id: int, made: Mixture, positions: NDArray[np.int64], seed: int
) -> None:
    """Draw every sixth position for the holdout, then label all of them truly."""
    draw = made.generator(f"times {seed}")
    with writing(access.engine, project_id) as conn:
        ids = [row.id for row in label_classes.classes(conn, project_id)]
        held = np.sort(positions[HOLDOUT_EVERY - 1 :: HOLDOUT_EVERY])
        drafts = [
            Draft(
                kind=EventKind.LABEL,
                key=f"synthetic:{seed}:{i}",
                reader_id=access.reader_id,
                position=position,
                class_id=ids[made.truth[position]],
                payload={"active_ms": int(draw.lognormal(7.2, 0.5)), "strategy": "random"},
            )
            for i, position in enumerate(positions.tolist())
        ]
        if len(held):
            key = f"synthetic:{seed}:holdout"
            events.append(conn, project_id, EventKind.DRAW_HOLDOUT, key=key, members=held)
        events.append_many(conn, project_id, drafts)


def add_round(access: Access, project_id: int, made: Mixture, number: int) -> None:
    """Freeze a snapshot and publish a finished round on it, as `rounds.execute` does."""
    import torch

    from sslapp.training.calibration.calibration import calibrate
    from sslapp.training.calibration.out_of_sample import OutOfSample

    method, _, error = ROUNDS[number - 1]
    job_id, folder = begin_job(access, project_id, JobKind.ROUND, {"round_id": number})
    with writing(access.engine, project_id) as conn:
        frozen = snapshots.freeze(conn, access.workspace, project_id)
        round_id = start_round(conn, access, frozen, job_id=job_id, number=number, method=method)
    logits = made.logits(number, error)
    probabilities = np.empty_like(logits)
    for start in range(0, len(logits), CHUNK):
        part = torch.from_numpy(logits[start : start + CHUNK])
        probabilities[start : start + CHUNK] = torch.softmax(part, dim=1).numpy()
    path = folder / "probabilities.npy"
    durable.write_array(path, probabilities)
    held = snapshots.load(access.workspace, frozen).validation
    truth = torch.from_numpy(made.truth[held])
    source = CalibratedOn.HOLDOUT if len(held) else CalibratedOn.NOTHING
    fitted = calibrate(OutOfSample(source, held, torch.from_numpy(logits[held]), truth))
    right = probabilities[held].argmax(axis=1) == made.truth[held]
    metrics = {
        "holdout": len(held),
        "holdout_accuracy": float(right.mean()) if len(held) else None,
        "calibrated": fitted.calibrated,
        "calibrated_on": fitted.source,
        "calibrated_count": fitted.count,
        "cautious": fitted.cautious,
        "ece_before": fitted.ece_before if len(held) else None,
        "ece_after": fitted.ece_after if len(held) else None,
        "temperature": fitted.temperature,
        "scaling": fitted.scaling.stored(),
        "seconds": 60.0 * number,
    }
    with writing(access.engine, project_id) as conn:
        values = {
            "probabilities": access.workspace.relative(path),
            "temperature": fitted.temperature,
            "metrics": metrics,
        }
        conn.execute(round_metric.insert(), course(round_id))
        values["curves"] = reports.curves_hash(conn, round_id)
        seals.update(conn, round_, [round_.c.id == round_id], values)
        written = files.describe(access.workspace, [path])
        files.record(conn, project_id, written)
        finish(conn, job_id, {"round_id": round_id, "round": number, **metrics})
        events.append(
            conn,
            project_id,
            EventKind.ROUND_DONE,
            key=f"round-{round_id}-done",
            round_id=round_id,
            payload={
                "probabilities_sha256": durable.sha256(path),
                "files_sha256": files.digest(written),
            },
        )


def start_round(
    conn: Connection,
    access: Access,
    frozen: SnapshotRow,
    *,
    job_id: int,
    number: int,
    method: str,
) -> int:
    """The round's row and its event. Returns its id."""
    config = CARDS[method].options().model_dump(mode="json")
    about = {"method": method, "gear": Gear.PIXELS, "config": config, "seed": 0}
    values = {
        **about,
        "project_id": frozen.project_id,
        "number": number,
        "snapshot_id": frozen.id,
        "job_id": job_id,
        "plan": {},
        "encoder": "pixels",
        "created_at": queue.now(),
    }
    round_id = int(seals.insert(conn, round_, values))
    changed = job.update().where(job.c.id == job_id)
    conn.execute(changed.values(params={"round_id": round_id}))
    events.append(
        conn,
        frozen.project_id,
        EventKind.ROUND_START,
        key=f"round-{round_id}-start",
        reader_id=access.reader_id,
        round_id=round_id,
        payload={"snapshot": frozen.hash, **about},
    )
    return round_id


def course(round_id: int) -> list[dict[str, Any]]:
    """Rows of a falling loss."""
    steps = range(50, 1001, 50)
    return [
        {"round_id": round_id, "step": step, "name": name, "value": start * 0.995**step + 0.1}
        for name, start in (("labelled loss", 2.0), ("unlabelled loss", 0.8))
        for step in steps
    ]


def begin_job(
    access: Access, project_id: int, kind: JobKind, params: dict[str, Any]
) -> tuple[int, Path]:
    """A job that no worker will take, and the folder of its one attempt."""
    values = {
        "project_id": project_id,
        "kind": kind,
        "folder": f"{kind}-{uuid.uuid4().hex[:12]}",
        "params": params,
        "reader_id": access.reader_id,
        "state": JobState.CANCELLED,  # until `finish`: a build that stops half-way shows it
        "attempt": 1,
        "created_at": queue.now(),
        "started_at": queue.now(),
    }
    with writing(access.engine, project_id) as conn:
        job_id = conn.execute(job.insert().returning(job.c.id), values).scalar_one()
    return int(job_id), access.workspace.attempt(str(values["folder"]), 1)


def finish(conn: Connection, job_id: int, result: dict[str, Any]) -> None:
    values = {"state": JobState.DONE, "result": result, "finished_at": queue.now()}
    conn.execute(job.update().where(job.c.id == job_id).values(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--labels", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--to", type=Path, required=True, help="Folder of the new workspace.")
    parser.add_argument("--reader", help="Who owns it; default: your account.")
    parser.add_argument("--verify", action="store_true", help="Run `verify` on it afterwards.")
    asked = parser.parse_args()
    if asked.to.exists() and any(asked.to.iterdir()):
        parser.error(f"{asked.to} is not empty")
    started = time.monotonic()
    access = build(
        asked.to,
        asked.images,
        classes=asked.classes,
        labels=asked.labels,
        seed=asked.seed,
        reader=asked.reader,
    )
    print(f"{asked.images:,} images in {asked.to} after {time.monotonic() - started:.1f} s")
    if asked.verify:
        found = verify_project(access, None)
        print(found.problem or f"verified: {found.events} events, head {found.head}")
    access.engine.dispose()


if __name__ == "__main__":
    main()
