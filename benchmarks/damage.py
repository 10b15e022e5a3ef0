"""Damage a workspace on purpose, piece by piece, and count what `sslapp verify` does not notice.

    python benchmarks/damage.py                 # every page of the database, then every file
    python benchmarks/damage.py --step 100      # every hundredth page and file
    python benchmarks/damage.py --parts pages

A workspace with a project, two rounds and 300 decisions is made. Then 64 bytes of each 4 kB page of
its database are flipped, at two places in turn, and a page counts as *damaging* when any query on
the tables that matter answers otherwise than before. It must be reported; and whatever is damaged,
`verify` must say so in sentences and not end with an exception. The same is done to one byte in the
middle of every file of the workspace.
"""

import argparse
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sslapp.jobs.worker import work
from sslapp.store.database import reading
from sslapp.store.schema import DERIVED, metadata
from sslapp.store.state import load_state
from sslapp.usecases.access import Access, enter
from sslapp.usecases.exporting import exports
from sslapp.usecases.handlers import HANDLERS
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.encoded_views import WantedViews, start_encoding
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.labelling import decisions, verdicts
from sslapp.usecases.maintenance.verification import verify_workspace
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.reviewing import bulk_decisions
from sslapp.usecases.training.rounds import start_round
from sslapp.workspace import DATABASE, Workspace

PAGE = 4096
BYTES = 64
PLACES = (64, 2048)
"""Where in a page the bytes are flipped: among its cells' addresses, and among its cells."""

MATTERING = (
    *("workspace", "project", "label_class", "reader", "membership", "image_set", "image"),
    *("true_label", "event", "snapshot", "round", "round_metric", "embedding", "view_set", "file"),
    *(table.name for table in DERIVED),
)
DECISIONS = 300
IMAGES = 600


@dataclass(frozen=True)
class Trial:
    """One flip: what was hit, whether it matters, and what `verify` made of it."""

    place: str
    damaging: bool
    outcome: str  # reported, passed, raw


def build(root: Path) -> None:
    """A workspace with digits, some as files, views, two rounds and 300 decisions, closed."""
    access = enter(Workspace(workspace=root, database_url=""), "Ann")
    create_project(access, "Digits", classes=[str(each) for each in range(10)])
    with tempfile.TemporaryDirectory() as folder:
        write_digits(Path(folder))
        import_images(access, None, folder)  # originals are kept
        _run(access)
    import_images(access, None, "digits")  # rows of an array: there are none
    embed(access, None, "pixels")
    _run(access)
    start_encoding(access, None, WantedViews(weak=1, strong=1))
    _run(access)
    truth = _truth(access)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(truth))
    _decide(access, order[: DECISIONS - 57], truth)  # the others come after the rounds
    small = {"steps": 20, "batch_size": 16, "unlabelled_ratio": 2}
    start_round(access, None, method="fixmatch", config=small)
    _run(access)
    start_round(access, None, method="prototypes")
    _run(access)
    pool = _pool(access)
    for position in pool[:40].tolist():
        verdicts.accept(access, None, [position])
    for position in pool[40:55].tolist():
        verdicts.reject(access, None, position)
    bulk_decisions.bulk_accept(access, None, pool[60:160], unproven=True)
    bulk_decisions.withhold(access, None, pool[160:200])
    exports.export(access, None, root / "exports" / "1" / "labels.csv")
    _run(access)
    access.engine.dispose()


def write_digits(folder: Path) -> None:
    """Scikit-learn's first digits as PNG files, a folder a class: their originals are kept."""
    from PIL import Image
    from sklearn.datasets import load_digits

    data = load_digits()
    for number, (image, target) in enumerate(zip(data.images, data.target, strict=True)):
        if number < IMAGES:
            path = folder / str(target) / f"{number:04d}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray((image * 15.9).astype(np.uint8)).save(path)


def _run(access: Access) -> None:
    work(access.workspace, access.engine, HANDLERS, threads=1, until_idle=True)


def _truth(access: Access) -> np.ndarray:
    from sslapp.store.images import true_labels
    from sslapp.store.label_classes import classes

    with reading(access.engine) as conn:
        ids = {row.id: row.name for row in classes(conn, 1)}
        return np.array([ids[each] for each in true_labels(conn, 1).tolist()])


def _pool(access: Access) -> np.ndarray:
    with reading(access.engine) as conn:
        return load_state(conn, 1).pool


def _decide(access: Access, positions: np.ndarray, truth: np.ndarray) -> None:
    for position in positions.tolist():
        decisions.label(access, None, position, truth[position])


# -- pages -----------------------------------------------------------------------------------------


def pages(root: Path, step: int) -> Iterator[Trial]:
    """Flip bytes of every step-th page, at two places."""
    database = root / DATABASE
    whole = database.read_bytes()
    before = answers(database)
    for page in range(0, len(whole) // PAGE, step):
        for place in PLACES:
            at = page * PAGE + place
            flipped = bytes(each ^ 0xFF for each in whole[at : at + BYTES])
            database.write_bytes(whole[:at] + flipped + whole[at + BYTES :])
            _forget_log(database)
            yield Trial(f"page {page + 1} at {place}", answers(database) != before, judge(root))
    database.write_bytes(whole)
    _forget_log(database)


def answers(database: Path) -> object:
    """What every query on the tables that matter says: all rows, as stored and by each index."""
    found: list[object] = []
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True)) as conn:
            for table in MATTERING:
                found.append(conn.execute(f"SELECT * FROM {table}").fetchall())
                for index in _indexes(table):
                    listed = ", ".join(f'"{each}"' for each in index)
                    query = f"SELECT {listed} FROM {table} ORDER BY {listed}"
                    found.append(conn.execute(query).fetchall())
    except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
        return type(error).__name__
    return found


def _indexes(table: str) -> list[list[str]]:
    declared = metadata.tables[table]
    keys = [list(declared.primary_key.columns.keys())]
    keys += [list(index.columns.keys()) for index in declared.indexes]
    return keys


def judge(root: Path, *, quick: bool = True) -> str:
    """What `verify` makes of the workspace."""
    try:
        found = verify_workspace(Workspace(workspace=root, database_url=""), quick=quick)
    except Exception as error:
        print(f"raw: {type(error).__name__}: {error}", file=sys.stderr)
        return "raw"
    return "passed" if found.ok else "reported"


def _forget_log(database: Path) -> None:
    for end in ("-wal", "-shm"):
        database.with_name(database.name + end).unlink(missing_ok=True)


# -- files -----------------------------------------------------------------------------------------


def files(root: Path, step: int) -> Iterator[Trial]:
    """Flip the middle byte of every step-th file; a file that nothing vouches for is named."""
    unvouched = set(_named(root))
    there = [
        path
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.stat().st_size and not path.name.startswith(DATABASE)
    ]
    for path in there[::step]:
        name = path.relative_to(root).as_posix()
        content = path.read_bytes()
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :])
        yield Trial(name, name not in unvouched, judge(root, quick=False))
        path.write_bytes(content)


def _named(root: Path) -> dict[str, str]:
    """The files that `verify` itself says nothing vouches for, with what they are."""
    found = verify_workspace(Workspace(workspace=root, database_url=""))
    if not found.ok:
        raise SystemExit(f"The workspace is damaged before anything was done: {found}")
    return dict(each.split(": ", 1) for each in found.leftovers)


# -- the table -------------------------------------------------------------------------------------


def run(root: Path, parts: list[str], step: int) -> bool:
    """Print the table; whether nothing that matters passed and nothing was raised."""
    sound = True
    print("| what is flipped | trials | damaging | reported | passed | raw | harmless, passed |")
    print("|---|---|---|---|---|---|---|")
    for name, trials in (("pages", pages), ("files", files)):
        if name not in parts:
            continue
        counts: Counter[tuple[bool, str]] = Counter()
        for trial in trials(root, step):
            counts[trial.damaging, trial.outcome] += 1
            if trial.outcome == "raw" or (trial.damaging and trial.outcome == "passed"):
                sound = False
                print(f"{trial.place}: {trial.outcome}", file=sys.stderr)
        damaging = sum(count for (matters, _), count in counts.items() if matters)
        raw = counts[True, "raw"] + counts[False, "raw"]
        row = [name, sum(counts.values()), damaging, counts[True, "reported"]]
        row += [counts[True, "passed"], raw, counts[False, "passed"]]
        print("| " + " | ".join(map(str, row)) + " |")
    if "files" in parts:
        kinds = Counter(_named(root).values())
        print("\nNothing vouches for: " + "; ".join(f"{n} x {kind}" for kind, n in kinds.items()))
    return sound


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--step", type=int, default=1, help="take every step-th page and file")
    parser.add_argument("--parts", default="pages,files")
    parser.add_argument("--keep", type=Path, help="folder of the workspace; made if it is absent")
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "workspace"
        if options.keep is not None and options.keep.exists():
            shutil.copytree(options.keep, root)
        else:
            build(root)
            if options.keep is not None:
                shutil.copytree(root, options.keep)
        sound = run(root, options.parts.split(","), options.step)
    print(f"{time.monotonic() - started:.0f} s")
    raise SystemExit(0 if sound else 1)


if __name__ == "__main__":
    main()
