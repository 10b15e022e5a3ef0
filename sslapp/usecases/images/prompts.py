"""Words for the classes, and how much images are like them: an order to label in, never a label."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sslapp import durable
from sslapp.embedding.encoders import weights_version
from sslapp.embedding.text_query import LONGEST, text_vectors
from sslapp.store import label_classes, projects
from sslapp.store.database import reading
from sslapp.store.embeddings import latest_embedding
from sslapp.store.errors import Refused
from sslapp.usecases.access import Access, find_project, require
from sslapp.usecases.images.similar import cosine, text_weights
from sslapp.usecases.projects.settings import change_settings

USUAL = "a photo of {}"
"""What is said of a class for which nobody wrote other words."""


def prompts(access: Access, project: str | int | None) -> dict[str, str]:
    """Class name -> the words for it, of the classes in use in column order."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        require(conn, access, project_id)
        own = projects.find_project(conn, project_id).settings.prompts
        classes = label_classes.classes(conn, project_id)
    return {each.name: own.get(str(each.id)) or USUAL.format(each.name) for each in classes}


def set_prompts(access: Access, project: str | int | None, wanted: Mapping[str, str]) -> bool:
    """Keep the words for some classes; return whether anything changed.

    Args:
        wanted: class name -> words; empty words go back to the usual ones.

    Raises:
        NotAllowed: when the reader is no admin of the project.
        ValueError: when there is no such class, or the words are too long.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        own = dict(projects.find_project(conn, project_id).settings.prompts)
        ids = {each.name: str(each.id) for each in label_classes.classes(conn, project_id)}
    for name, text in wanted.items():
        if name not in ids:
            raise Refused(f'There is no class "{name}". Classes: {", ".join(ids)}.')
        words = " ".join(text.split())
        if len(words) > LONGEST:
            raise Refused(f"{name}: write at most {LONGEST} characters.")
        own.pop(ids[name], None)
        if words and words != USUAL.format(name):
            own[ids[name]] = words
    return change_settings(access, project_id, prompts=own)


def likeness(
    access: Access, project: str | int | None, positions: NDArray[np.int64], count: int
) -> NDArray[np.float32] | None:
    """Cosine similarity of images to the words for each class. Takes seconds for new words.

    Args:
        positions: (n,) images that are compared.
        count: N, images of the project.

    Returns:
        (N, C) float32, 0 for images that are not compared, columns as the classes in use; None
        where the newest embedding's encoder reads no text, or there is no class.

    Raises:
        ValueError: when the words cannot be read, or the weights are not those of the embedding.
    """
    words = list(prompts(access, project).values())
    with reading(access.engine) as conn:
        row = latest_embedding(conn, find_project(conn, access, project))
    weights = None if row is None else text_weights(access, row)
    if row is None or weights is None or not words:
        return None
    vectors = text_vectors(weights, weights_version(weights), words)
    features = durable.read_array(access.workspace.path(row["features"]))
    if vectors.shape[1] != features.shape[1]:
        raise ValueError(
            "The encoder's weights have changed since the images were embedded. Embed them again."
        )
    found = np.zeros((count, len(words)), dtype=np.float32)
    rows = positions[positions < len(features)]
    for column, vector in enumerate(vectors):
        found[rows, column] = cosine(features, rows, vector)
    return found
