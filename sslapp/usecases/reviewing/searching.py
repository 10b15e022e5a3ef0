"""Looking for what may be wrong or odd, as a job: suspicious labels, near-duplicates, outliers.

Where two rounds disagree takes no job: both have said it (`findings.py`).

A label is suspicious that speaks against probabilities which were not taught it: the out-of-sample
answers of the round; its predictions, where an expert labelled the image since; and for every other
label, accepted ones among them, those of probes cross-fitted on the frozen features. Labels of the
holdout and the test split are not asked about: whoever saw a prediction there could not measure by
them any more.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, RowMapping

from sslapp import durable
from sslapp.embedding.index import NeighbourIndex
from sslapp.jobs import history, queue
from sslapp.jobs.context import JobContext
from sslapp.review.confidence import scaling_of
from sslapp.review.findings import near_duplicates, outliers, probe
from sslapp.review.findings.found import Found, rows_of
from sslapp.review.findings.suspicious import suspects
from sslapp.rounds.project_pixels import training_store
from sslapp.store import images, snapshots
from sslapp.store.database import reading, writing
from sslapp.store.embeddings import embedding_of_round, latest_embedding
from sslapp.store.errors import Refused
from sslapp.store.rounds import FinishedRound, round_or_newest
from sslapp.store.state import ProjectState, load_state
from sslapp.usecases.access import Access, find_project, require
from sslapp.vocabulary import Finding, JobKind, Role, Source
from sslapp.words import count

FILE = "found.npy"

LEAST_LABELS = 20
"""Labels to train on from which on one of them can be suspected."""

_BLOCK = 2_048


def start_search(
    access: Access,
    project: str | int | None,
    finding: Finding,
    *,
    round_number: int | None = None,
    seed: int = 0,
) -> int:
    """Queue the search for something and return the job's id.

    Args:
        round_number: whose answers and features are used; default: the newest finished one, if
            there is one.
        seed: of folds and samples.

    Raises:
        Refused: when it is looked for already, or what it needs is not there.
        NotFinished: when there is no such finished round.
    """
    if finding is Finding.DISAGREE:
        raise Refused("Where rounds disagree is known without a search.")
    with writing(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id, Role.READER)
        under_way = history.under_way(conn, JobKind.FINDING, project_id)
        if any(each["params"]["finding"] == finding for each in under_way):
            raise Refused("That is being looked for already. Wait for it, or cancel it first.")
        found = round_or_newest(conn, project_id, round_number)
        row = _embedding(conn, project_id, found)
        state = load_state(conn, project_id)
        if why := _lacking(finding, state, row):
            raise Refused(why)
        params = {
            "finding": finding,
            "round": None if found is None else found.number,
            "embedding_id": None if row is None else row["id"],
            "seed": seed,
        }
        return queue.enqueue(conn, project_id, JobKind.FINDING, params, access.reader_id)


def _lacking(finding: Finding, state: ProjectState, row: RowMapping | None) -> str:
    """What a search lacks, with the mend; "" where it can start."""
    if finding is Finding.DUPLICATES:
        return "" if len(state.labels) else "There are no images yet. Import some first."
    if row is None:
        return "This compares features: embed the images first."
    labelled = state.labelled[state.labelled < row["count"]]
    if finding is Finding.OUTLIERS and not len(labelled):
        return "Outliers are unlike what is labelled: label some images first."
    if finding is Finding.SUSPICIOUS and len(labelled) < LEAST_LABELS:
        more = count(LEAST_LABELS - len(labelled), "more label")
        return f"Labels are held against each other from {LEAST_LABELS} on: give {more} first."
    if finding is Finding.SUSPICIOUS and len(np.unique(state.labels[labelled])) < 2:
        return "All labels are of one class, so none speaks against another."
    return ""


@dataclass(frozen=True, eq=False)
class _Search:
    """What a search works on: the labels of one moment, features of the first images, a round."""

    context: JobContext
    state: ProjectState
    features: NDArray[np.generic] | None
    groups: NDArray[np.int64] | None
    found: FinishedRound | None

    @property
    def seed(self) -> int:
        return int(self.context.claim.params["seed"])

    def report(self, message: str) -> probe.Report:
        """A function to tell the progress to, which leaves the job where a cancel was asked for."""

        def tell(done: int, total: int) -> None:
            self.context.progress(done, total, message)
            self.context.check()

        return tell

    def labelled(self) -> NDArray[np.int64]:
        """(n,) labelled images that have features, without those that measure."""
        assert self.features is not None
        return self.state.labelled[self.state.labelled < len(self.features)]


def run_search(context: JobContext) -> None:
    """Handle a job of kind `finding`: a file with what was found."""
    params, project_id = context.claim.params, context.claim.project_id
    finding = Finding(params["finding"])
    with reading(context.engine) as conn:
        found = round_or_newest(conn, project_id, params["round"])
        row = _embedding(conn, project_id, found)
        features = None
        if row is not None:
            features = durable.read_array(context.workspace.path(row["features"]))
        state, groups = load_state(conn, project_id), images.groups(conn, project_id)
    search = _Search(context, state, features, groups, found)
    facts: dict[str, Any] = {}
    match finding:
        case Finding.SUSPICIOUS:
            listed = _suspicious(search)
        case Finding.OUTLIERS:
            listed = _outliers(search)
        case _:
            listed = _near_duplicates(search, facts)
    path = context.folder / FILE
    durable.write_array(path, listed.table())
    result = {
        "finding": finding,
        "images": len(listed),
        "found": context.workspace.relative(path),
        "event_number": state.event_number,
        **facts,
    }
    with context.finishing(result):
        pass


def _suspicious(search: _Search) -> Found:
    state, rows = search.state, search.labelled()
    assert search.features is not None
    said = probe.out_of_sample(
        search.features,
        rows,
        state.labels[rows],
        len(state.class_ids),
        groups=None if search.groups is None else search.groups[rows],
        seed=search.seed,
        report=search.report("asking about labels"),
    )
    known = search.found
    if known is not None and known.is_calibrated and not known.is_listed:
        _take_over(search, known, rows, said)
    found = suspects(said, state.labels[rows])
    classes = state.class_ids[found.columns]
    return rows_of(rows[found.rows], found.shares, class_ids=classes)


def _take_over(
    search: _Search, found: FinishedRound, rows: NDArray[np.int64], said: NDArray[np.float32]
) -> None:
    """Put what a round says of labels that it was not taught in place of what probes say.

    Its answers are of fits that were not taught the image. What was labelled since it began it
    was not taught either; but a label that was accepted is what a round says itself.

    Args:
        rows: (n,) labelled images.
        said: (n, C) probabilities in the project's classes; changed in place.
    """
    workspace, state = search.context.workspace, search.state
    answers = found.read_answers(workspace)
    if answers is not None:
        there = np.isin(answers.positions, rows)
        smooth = scaling_of(found).of_logits(answers.logits[there])
        place = np.searchsorted(rows, answers.positions[there])
        _put(said, place, smooth, found, state)
    raw = found.read_probabilities(workspace)
    taught = snapshots.load(workspace, found.snapshot).labels >= 0
    since = rows < min(len(raw), len(taught))
    since[since] = ~taught[rows[since]]
    since &= state.source[rows] != Source.ACCEPTED
    if answers is not None:
        since &= ~np.isin(rows, answers.positions)
    place = np.flatnonzero(since)
    smooth = scaling_of(found).apply(np.asarray(raw[rows[place]], dtype=np.float32))
    _put(said, place, smooth, found, state)


def _put(
    said: NDArray[np.float32],
    place: NDArray[np.int64],
    smooth: NDArray[np.float32],
    found: FinishedRound,
    state: ProjectState,
) -> None:
    """Write (q, C') probabilities of a round's classes into rows of the project's classes.

    Of a label whose class the round does not know, the probe's stay.
    """
    known = [
        (state.class_ids.tolist().index(each), column)
        for column, each in enumerate(found.class_ids)
        if each in state.class_ids
    ]
    if len(known) < len(state.class_ids):
        return
    ours, theirs = (np.array(each) for each in zip(*known, strict=True))
    mass = smooth[:, theirs].sum(axis=1, keepdims=True)
    usable = mass[:, 0] > 0
    said[np.ix_(place[usable], ours)] = smooth[usable][:, theirs] / mass[usable]


def _near_duplicates(search: _Search, facts: dict[str, Any]) -> Found:
    context = search.context
    with reading(context.engine) as conn:
        store = training_store(conn, context.workspace, context.claim.project_id)
    total = min(len(store), len(search.state.labels))
    tell = search.report("hashing images")
    parts = []
    for start in range(0, total, _BLOCK // 8):
        rows = np.arange(start, min(start + _BLOCK // 8, total))
        parts.append(near_duplicates.hashes(store.take(rows)))
        tell(int(rows[-1]) + 1, total)
    index = None
    if search.features is not None:
        index = NeighbourIndex(np.asarray(search.features[:total], dtype=np.float32))
    pairs = near_duplicates.alike(
        np.concatenate(parts), index, seed=search.seed, report=search.report("comparing images")
    )
    found = near_duplicates.grouped(pairs, total)
    facts |= {"radius": pairs.radius, "groups": len(np.unique(found.groups))}
    return found


def _outliers(search: _Search) -> Found:
    state, labelled, features = search.state, search.labelled(), search.features
    assert features is not None
    asked = state.pool[state.pool < len(features)]
    index = NeighbourIndex(np.asarray(features[labelled], dtype=np.float32))
    distances = np.empty(len(asked), dtype=np.float32)
    nearest = np.empty(len(asked), dtype=np.int64)
    tell = search.report("comparing images")
    for start in range(0, len(asked), _BLOCK):
        part = slice(start, start + _BLOCK)
        near, rows = index.search(np.asarray(features[asked[part]], dtype=np.float32), 1)
        distances[part], nearest[part] = near[:, 0], labelled[rows[:, 0]]
        tell(min(start + _BLOCK, len(asked)), len(asked))
    energies = None
    if len(np.unique(state.labels[labelled])) > 1:
        taught = probe.fit(features, labelled, state.labels[labelled], seed=search.seed)
        energies = probe.energies(taught.logits(features, asked))
    return outliers.outliers(asked, distances, nearest, energies)


def _embedding(conn: Connection, project_id: int, found: FinishedRound | None) -> RowMapping | None:
    if found is None:
        return latest_embedding(conn, project_id)
    return embedding_of_round(conn, found)
