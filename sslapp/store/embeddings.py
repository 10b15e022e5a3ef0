"""What is embedded: the newest of every encoder, and rows that hold the same features."""

from dataclasses import dataclass

from sqlalchemy import Connection, Exists, Select, func, select

from sslapp.store.schema import embedding, view_set


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


def same_features(embedding_id: int) -> Select[tuple[int]]:
    """Ids of the embedding's rows: a new projection of the same features is a row of its own."""
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


def has_views() -> Exists:
    """A condition on the table of embeddings: views of these features are encoded.

    Views belong to the features, whichever row of the embedding was the newest when they were made.
    """
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


def is_embedded(conn: Connection, project_id: int) -> bool:
    """Whether the project has an embedding, of however few of its images."""
    query = select(embedding.c.id).where(embedding.c.project_id == project_id)
    return conn.execute(query.limit(1)).first() is not None


def newest_of_encoders(conn: Connection, project_id: int) -> list[EncoderFeatures]:
    """Of the newest embedding of every encoder, newest first."""
    newest = select(func.max(embedding.c.id)).where(embedding.c.project_id == project_id)
    rows = conn.execute(
        select(embedding.c.encoder, embedding.c.count, has_views())
        .where(embedding.c.id.in_(newest.group_by(embedding.c.encoder)))
        .order_by(embedding.c.id.desc())
    )
    return [EncoderFeatures(encoder, count, views) for encoder, count, views in rows]
