"""What is embedded: features with the map that shows them, and the encoded views beside them.

A new projection of the same features is a row of its own, so several rows hold the same features.
A row of an embedding has `id`, `project_id`, `encoder`, `count` (N, the images from position 0 on),
`dim` (D), `features` and `projection` (paths of (N, D) and (N, 2) float32 arrays in the workspace)
and `created_at`. A row of a view set has `id`, `embedding_id`, `weak` and `strong` (how many of
each), `augmentation`, `flip`, `seed`, `folder` (path of their arrays) and `created_at`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Exists, RowMapping, Select, func, select

from sslapp.store.errors import Refused
from sslapp.store.integrity import seals
from sslapp.store.log.chain import now
from sslapp.store.rounds import StoredRound
from sslapp.store.schema import embedding, view_set
from sslapp.vocabulary import Gear, Space


@dataclass(frozen=True)
class Neighbourhood:
    """Features that say which images lie near each other, and the map that shows them.

    Attributes:
        space: whose they are.
        features, projection: paths of (N, D) and (N, 2) arrays, of images from position 0 on.
        encoder: whose features were projected; None for those of a round's model.
    """

    space: Space
    features: str
    projection: str
    encoder: str | None = None


@dataclass(frozen=True)
class EncoderFeatures:
    """What an encoder has computed for a project.

    Attributes:
        count: images covered, from position 0 on.
        views: whether views of them are encoded too.
    """

    encoder: str
    count: int
    views: bool = False


def add_embedding(
    conn: Connection,
    project_id: int,
    *,
    encoder: str,
    shape: tuple[int, int],
    features: str,
    projection: str,
) -> None:
    """Add an embedding, the project's newest from now on.

    Args:
        shape: (N, D) of the features.
        features, projection: paths of the arrays, relative to the workspace.
    """
    values = {
        "project_id": project_id,
        "encoder": encoder,
        "count": shape[0],
        "dim": shape[1],
        "features": features,
        "projection": projection,
        "created_at": now(),
    }
    seals.insert(conn, embedding, values)


def show_projection(conn: Connection, row: RowMapping, projection: str) -> None:
    """Add an embedding's row again with another projection; the time stays its features'."""
    values = {name: value for name, value in row.items() if name not in ("id", "seal")}
    seals.insert(conn, embedding, {**values, "projection": projection})


def latest_embedding(
    conn: Connection, project_id: int, encoder: str | None = None
) -> RowMapping | None:
    """The newest embedding of the project, of a certain encoder if named."""
    query = select(embedding).where(embedding.c.project_id == project_id)
    if encoder is not None:
        query = query.where(embedding.c.encoder == encoder)
    return conn.execute(query.order_by(embedding.c.id.desc()).limit(1)).mappings().first()


def find_embedding(conn: Connection, project_id: int, embedding_id: int) -> RowMapping:
    """An embedding of the project, which has it."""
    mine = (embedding.c.id == embedding_id) & (embedding.c.project_id == project_id)
    return conn.execute(select(embedding).where(mine)).mappings().one()


def embedding_of_round(conn: Connection, found: StoredRound) -> RowMapping | None:
    """What speaks for or against a round's predictions, and the map they are shown on.

    A round on features is judged in the features that it was trained on, whatever was embedded
    since, on their newest map; a round on pixels in the newest embedding.
    """
    if found.gear != Gear.FEATURES or found.embedding_id is None:
        return latest_embedding(conn, found.project_id)
    query = select(embedding).where(embedding.c.id.in_(_same_features(found.embedding_id)))
    return conn.execute(query.order_by(embedding.c.id.desc()).limit(1)).mappings().first()


def neighbourhood(
    conn: Connection, found: StoredRound, space: Space | None = None
) -> Neighbourhood | None:
    """What a round is reviewed on; None before anything is embedded.

    Args:
        space: default: that of the round's own model where it has one.

    Raises:
        Refused: when the round has no features of its own and they are asked for.
    """
    if space is not Space.ENCODER and found.features is not None:
        assert found.shown_map is not None  # written with the features
        return Neighbourhood(Space.ROUND, found.features, found.shown_map)
    if space is Space.ROUND:
        raise Refused(
            f"Round {found.number} has no features of its own: it was trained on those of an "
            "encoder, or by an earlier version. Look in the encoder's."
        )
    row = embedding_of_round(conn, found)
    if row is None:
        return None
    return Neighbourhood(Space.ENCODER, row["features"], row["projection"], row["encoder"])


def newest_neighbourhood(conn: Connection, project_id: int) -> Neighbourhood | None:
    """What images are looked at on without a round; None before anything is embedded."""
    row = latest_embedding(conn, project_id)
    if row is None:
        return None
    return Neighbourhood(Space.ENCODER, row["features"], row["projection"], row["encoder"])


def encoders_of(conn: Connection, found: StoredRound) -> list[str]:
    """The encoders whose features a round was given, its own first."""
    own = [] if found.encoder is None else [found.encoder]
    beside = found.embeddings_beside or []
    return [*own, *(find_embedding(conn, found.project_id, each)["encoder"] for each in beside)]


def same_features(conn: Connection, embedding_id: int) -> list[int]:
    """Ids of the rows that hold the features of this one, itself among them, oldest first."""
    return sorted(conn.execute(_same_features(embedding_id)).scalars())


def maps_of(conn: Connection, row: RowMapping) -> list[RowMapping]:
    """The rows that hold the features of this one, newest first: every map of them ever shown."""
    query = select(embedding).where(
        embedding.c.project_id == row["project_id"], embedding.c.features == row["features"]
    )
    return list(conn.execute(query.order_by(embedding.c.id.desc())).mappings())


def add_views(conn: Connection, views: Mapping[str, Any], *, seed: int, folder: str) -> None:
    """Add encoded views of an embedding.

    Args:
        views: `embedding_id`, `weak`, `strong`, `augmentation`, `flip`.
        folder: path of their arrays, relative to the workspace.
    """
    seals.insert(conn, view_set, {**views, "seed": seed, "folder": folder, "created_at": now()})


def latest_views(conn: Connection, embedding_id: int) -> RowMapping | None:
    """The newest views of an embedding's features, or None."""
    query = select(view_set).where(view_set.c.embedding_id.in_(_same_features(embedding_id)))
    return conn.execute(query.order_by(view_set.c.id.desc()).limit(1)).mappings().first()


def find_views(conn: Connection, view_set_id: int) -> RowMapping:
    """A view set, which is there."""
    return conn.execute(select(view_set).where(view_set.c.id == view_set_id)).mappings().one()


def is_embedded(conn: Connection, project_id: int) -> bool:
    """Whether the project has an embedding, of however few of its images."""
    query = select(embedding.c.id).where(embedding.c.project_id == project_id)
    return conn.execute(query.limit(1)).first() is not None


def newest_of_encoders(conn: Connection, project_id: int) -> list[EncoderFeatures]:
    """Of the newest embedding of every encoder, newest first."""
    newest = select(func.max(embedding.c.id)).where(embedding.c.project_id == project_id)
    rows = conn.execute(
        select(embedding.c.encoder, embedding.c.count, _has_views())
        .where(embedding.c.id.in_(newest.group_by(embedding.c.encoder)))
        .order_by(embedding.c.id.desc())
    )
    return [EncoderFeatures(encoder, count, views) for encoder, count, views in rows]


def _same_features(embedding_id: int) -> Select[int]:
    other = embedding.alias()
    return (
        select(other.c.id)
        .join(
            embedding,
            (embedding.c.features == other.c.features)
            & (embedding.c.project_id == other.c.project_id),
        )
        .where(embedding.c.id == embedding_id)
    )


def _has_views() -> Exists:
    """Whether views are encoded, whichever row of the features was the newest then."""
    other = embedding.alias()
    return (
        select(view_set.c.id)
        .join(other, other.c.id == view_set.c.embedding_id)
        .where(
            other.c.features == embedding.c.features,
            other.c.project_id == embedding.c.project_id,
        )
        .exists()
    )
