"""A project whose images lie in clusters that are not their classes.

Thirty tight clusters hold all four classes alike; what tells the classes apart is small beside the
clusters' distances. Whatever spreads labels along neighbours is sure of itself and wrong, and a
linear probe, which standardises, is right. The features are planted as those of a learned encoder,
so that they come first.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sslapp import durable
from sslapp.store.database import writing
from sslapp.store.embeddings import add_embedding
from sslapp.usecases.access import Access, enter
from sslapp.usecases.images.incoming.imports import import_images
from sslapp.usecases.labelling import decisions
from sslapp.usecases.projects.settings import create_project
from sslapp.workspace import Workspace

IMAGES, CLASSES, CLUSTERS, LABELLED = 600, 4, 30, 60
ENCODER = "efficientnet-lite0"


def truth() -> NDArray[np.int64]:
    """(600,) classes."""
    return np.random.default_rng(2).permutation(np.arange(IMAGES) % CLASSES)


def features() -> NDArray[np.float32]:
    """(600, 14): ten numbers say the cluster, four the class."""
    rng = np.random.default_rng(3)
    cluster = rng.integers(0, CLUSTERS, IMAGES)
    far = 6 * rng.normal(size=(CLUSTERS, 10))[cluster] + 0.3 * rng.normal(size=(IMAGES, 10))
    near = 2.2 * np.eye(CLASSES)[truth()] + 0.5 * rng.normal(size=(IMAGES, CLASSES))
    return np.concatenate([far, 0.12 * near], axis=1).astype(np.float32)


def build(root: Path, run_jobs) -> Access:
    """Make the workspace, with 60 labels of images drawn at random."""
    pictures = np.random.default_rng(4).integers(0, 256, (IMAGES, 8, 8), dtype=np.uint8)
    source = root.parent / "clouds.npz"
    np.savez(source, train_images=pictures, train_labels=truth())
    access = enter(Workspace(workspace=root), "Ann")
    project = create_project(access, "Clouds", [str(each) for each in range(CLASSES)])
    import_images(access, project, str(source))
    run_jobs(access)
    _plant(access, project)
    classes = truth()
    for position in np.random.default_rng(1).permutation(IMAGES)[:LABELLED].tolist():
        decisions.label(access, project, position, str(classes[position]))
    return access


def _plant(access: Access, project: int) -> None:
    found = features()
    paths = {"features": found, "projection": found[:, :2].copy()}
    named = {}
    for name, array in paths.items():
        path = access.workspace.jobs / "embed-planted" / "attempt-1" / f"{name}.npy"
        durable.write_array(path, array)
        named[name] = access.workspace.relative(path)
    with writing(access.engine) as conn:
        add_embedding(conn, project, encoder=ENCODER, shape=found.shape, **named)
