"""How far a round's own map keeps classes together, beside the map of its encoder.

    python benchmarks/round_maps.py
    python benchmarks/round_maps.py --labels 40 --seed 0

Digits are imported and embedded, FixMatch trains on so many labels, as many of each class, drawn
with the seed. On each of four maps (of the round's model and of the encoder, by principal
components and by UMAP) the 20 nearest images of every image are looked up by their two coordinates;
printed is the share of them that have the same true class.

The bar: on the round's UMAP map it is above .95.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

from sslapp import durable
from sslapp.store.database import reading
from sslapp.store.embeddings import neighbourhood
from sslapp.store.rounds import finished_round
from sslapp.usecases.access import Access, enter
from sslapp.usecases.handlers import run_worker
from sslapp.usecases.images.embeddings import embed
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.images.maps import show_projection
from sslapp.usecases.labelling import decisions
from sslapp.usecases.projects.settings import create_project
from sslapp.usecases.training.round_maps import show_map_of_round
from sslapp.usecases.training.rounds import start_round
from sslapp.vocabulary import Projection, Space
from sslapp.workspace import Workspace

NEAREST, BAR = 20, 0.95
CLASSES = 10
OPTIONS = {"calibration_trainings": "one"}
"""One further training calibrates the round; its model and its map are the same."""


def same_class(xy: NDArray[np.floating], truth: NDArray[np.integer]) -> float:
    """The share of each image's NEAREST nearest that are of its class. xy: (N, 2); truth: (N,)."""
    found = NearestNeighbors(n_neighbors=NEAREST + 1).fit(xy).kneighbors(xy, return_distance=False)
    own = found == np.arange(len(xy))[:, None]
    own[~own.any(axis=1), -1] = True  # where others lie at the same point
    others = found[~own].reshape(len(xy), NEAREST)
    return float((truth[others] == truth[:, None]).mean())


def played(root: Path, labels: int, seed: int) -> tuple[Access, NDArray[np.int64]]:
    """A workspace after a round of FixMatch, and the (N,) true classes of its images."""
    digits = load_digits()
    images, truth = np.rint(digits.images * 255 / 16).astype(np.uint8), digits.target
    source = root / "digits.npz"
    np.savez(source, train_images=images, train_labels=truth)
    access = enter(Workspace(workspace=root / "workspace"), "Ann")
    project = create_project(access, "Digits")
    import_images(access, project, str(source))
    embed(access, project, seed=seed)
    run_worker(access, until_idle=True)
    random = np.random.default_rng(seed)
    for digit in range(CLASSES):
        there = np.flatnonzero(truth == digit)
        for position in random.choice(there, labels // CLASSES, replace=False).tolist():
            decisions.label(access, project, position, str(digit))
    start_round(access, project, method="fixmatch", config=OPTIONS, seed=seed)
    run_worker(access, until_idle=True)
    return access, truth.astype(np.int64)


def coordinates(access: Access, space: Space) -> NDArray[np.generic]:
    """(N, 2) of the map of the round that is shown in a space."""
    with reading(access.engine) as conn:
        near = neighbourhood(conn, finished_round(conn, 1, 1), space)
    assert near is not None
    return durable.read_array(access.workspace.path(near.projection))


def main() -> None:
    """Play the round, make the maps and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    shares = {}
    with tempfile.TemporaryDirectory() as folder:
        access, truth = played(Path(folder), asked.labels, asked.seed)
        with reading(access.engine) as conn:
            said = finished_round(conn, 1, 1).read_probabilities(access.workspace).argmax(axis=1)
        for projection in Projection:
            if projection is Projection.UMAP:
                show_projection(access, 1, projection, asked.seed)
                show_map_of_round(access, 1, 1, projection, asked.seed)
                run_worker(access, until_idle=True)
            for space in Space:
                xy = np.asarray(coordinates(access, space), dtype=np.float64)
                shares[space, projection] = same_class(xy, truth)
        access.engine.dispose()
    print(
        f"{len(truth):,} digits, {asked.labels} labels, seed {asked.seed}: FixMatch is right about"
    )
    print(
        f"{(said == truth).mean():.3f} of them. Share of the {NEAREST} nearest of the same class:\n"
    )
    print("| map of | PCA | UMAP |\n|---|---|---|")
    for space, name in ((Space.ROUND, "the round's model"), (Space.ENCODER, "the encoder")):
        row = " | ".join(f"{shares[space, each]:.3f}" for each in Projection)
        print(f"| {name} | {row} |")
    reached = shares[Space.ROUND, Projection.UMAP] > BAR
    print(f"\nThe bar of {BAR} is {'reached' if reached else 'MISSED'}.")


if __name__ == "__main__":
    main()
