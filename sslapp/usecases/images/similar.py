"""Images like one that the reader looks at, or like a sentence that describes them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, RowMapping

from sslapp import durable
from sslapp.embedding.encoders import find_choice, weights_file, weights_version
from sslapp.embedding.text_query import text_vectors
from sslapp.store import rounds
from sslapp.store.database import reading
from sslapp.store.embeddings import (
    Neighbourhood,
    embedding_of_round,
    latest_embedding,
    neighbourhood,
)
from sslapp.store.errors import Unknown
from sslapp.store.state import load_state
from sslapp.usecases.access import Access, find_project
from sslapp.usecases.images.embeddings import encoder_title
from sslapp.vocabulary import Space

DEFAULT_COUNT = 60
NOT_EMBEDDED = "Nothing is embedded yet. Embed the images first."
_BLOCK = 1 << 15
_TOLERANCE = 1e-5  # of float32: what is so near to the k-th is ranked again in float64

Positions = NDArray[np.int64]


def similar(
    access: Access,
    project: str | int | None,
    position: int,
    k: int = DEFAULT_COUNT,
    among: Positions | None = None,
    *,
    round_number: int | None = None,
    space: Space | None = None,
) -> Positions:
    """The k images nearest to one in an embedding, nearest first, without itself.

    Among the features of a round's own model no image is found that was drawn to measure: where it
    lies there would tell what the round thinks of it.

    Args:
        among: (n,) positions to look among; None means the pool.
        round_number: look in the features of this round; default: in the newest embedding.
        space: whose features of the round; default: its own model's where it has some.

    Raises:
        Unknown: when the embedding does not have the image.
        ValueError: when nothing is embedded yet, or the image was drawn to measure and the features
            are a round's own.
    """
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        near = _neighbourhood(conn, project_id, round_number, space)
        if near is None:
            raise ValueError(NOT_EMBEDDED)
        state = load_state(conn, project_id)
    wanted = state.pool if among is None else among
    if near.space is Space.ROUND:
        blind = state.holdout | state.is_test
        if 0 <= position < len(blind) and blind[position]:
            raise ValueError(
                f"Image {position} was drawn to measure: what lies near it in a round's own space "
                "tells what the round takes it for. Look in the encoder's."
            )
        wanted = wanted[~blind[wanted]]
    features = durable.read_array(access.workspace.path(near.features))
    if not 0 <= position < len(features):
        raise Unknown(f"Image {position} is not embedded. Embed the new images first.")
    query = np.asarray(features[position], dtype=np.float32)
    return nearest(features, query, wanted[wanted != position], k)


def reads_text(access: Access, project: str | int | None, round_number: int | None = None) -> bool:
    """Whether images can be searched by text: the embedding's encoder reads it, and its weights
    still lie in the workspace. The embedding is a round's, by default the newest."""
    with reading(access.engine) as conn:
        row = _embedding(conn, find_project(conn, access, project), round_number)
    return row is not None and text_weights(access, row) is not None


def like_text(
    access: Access,
    project: str | int | None,
    text: str,
    k: int = DEFAULT_COUNT,
    among: Positions | None = None,
    *,
    round_number: int | None = None,
) -> Positions:
    """The k images nearest to a sentence, nearest first. Takes seconds when the text is new.

    Args:
        among: (n,) positions to look among; None means the pool.
        round_number: look in the embedding of this round; default: in the newest.

    Raises:
        ValueError: when the newest embedding is not of an encoder that reads text, or its weights
            are gone or were replaced by others.
    """
    row, wanted = _searched(access, project, among, round_number)
    weights = text_weights(access, row)
    if weights is None:
        raise ValueError(
            f"The embedding ({encoder_title(row['encoder'])}) cannot be searched by text. Embed "
            "the images with an encoder of open_clip; its weights must lie in the workspace."
        )
    query = text_vectors(weights, weights_version(weights), [text])[0]
    features = durable.read_array(access.workspace.path(row["features"]))
    if len(query) != features.shape[1]:
        raise ValueError(
            f"The weights of {encoder_title(row['encoder'])} have changed since the images were "
            "embedded. "
            "Embed them again."
        )
    return nearest(features, query, wanted, k)


def nearest(
    features: NDArray[np.generic], query: NDArray[np.float32], among: Positions, k: int
) -> Positions:
    """The k of `among` with the largest cosine similarity to a vector, lower position first.

    Args:
        features: (N, D), which may be memory-mapped: it is read in blocks.
        query: (D,).
        among: (n,) positions; those that the embedding does not have are left out.

    Returns:
        (min(k, n),) int64, nearest first.
    """
    rows = np.unique(among[(among >= 0) & (among < len(features))])
    if len(rows) <= k or not query.any():
        near = rows
    else:
        alike = cosine(features, rows, query.astype(np.float32))
        edge = np.partition(alike, len(rows) - k)[len(rows) - k]
        near = rows[alike >= edge - _TOLERANCE]
    exact = cosine(features, near, query.astype(np.float64))
    return near[np.lexsort((near, -exact))][:k]


def cosine(
    features: NDArray[np.generic], rows: Positions, query: NDArray[np.floating]
) -> NDArray[np.floating]:
    """(n,) cosine similarities of n rows to a (D,) vector, in its type; 0 for a zero vector."""
    alike = np.zeros(len(rows), dtype=query.dtype)
    length = np.sqrt(np.einsum("d,d->", query, query))
    for start in range(0, len(rows), _BLOCK):
        block = np.asarray(features[rows[start : start + _BLOCK]], dtype=query.dtype)
        # einsum adds up each row alike wherever it stands, so that equal images tie exactly
        norms = np.sqrt(np.einsum("nd,nd->n", block, block)) * length
        dots = np.einsum("nd,d->n", block, query)
        alike[start : start + _BLOCK] = dots / np.where(norms > 0, norms, 1)
    return alike


def _embedding(conn: Connection, project_id: int, round_number: int | None) -> RowMapping | None:
    if round_number is None:
        return latest_embedding(conn, project_id)
    return embedding_of_round(conn, rounds.finished_round(conn, project_id, round_number))


def _neighbourhood(
    conn: Connection, project_id: int, round_number: int | None, space: Space | None
) -> Neighbourhood | None:
    if round_number is not None:
        return neighbourhood(conn, rounds.finished_round(conn, project_id, round_number), space)
    row = latest_embedding(conn, project_id)
    if row is None:
        return None
    return Neighbourhood(Space.ENCODER, row["features"], row["projection"], row["encoder"])


def _searched(
    access: Access,
    project: str | int | None,
    among: Positions | None,
    round_number: int | None,
) -> tuple[RowMapping, Positions]:
    """The embedding, and the positions to look among."""
    with reading(access.engine) as conn:
        project_id = find_project(conn, access, project)
        row = _embedding(conn, project_id, round_number)
        if row is None:
            raise ValueError(NOT_EMBEDDED)
        return row, load_state(conn, project_id).pool if among is None else among


def text_weights(access: Access, row: RowMapping) -> Path | None:
    """The weights with which the embedding's encoder reads text; None when it does not."""
    weights = weights_file(row["encoder"], access.workspace.weights)
    choice = find_choice(row["encoder"], weights)
    return weights if choice is not None and choice.reads_text else None
