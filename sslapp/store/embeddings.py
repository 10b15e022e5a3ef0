"""Which rows of `embedding` hold the same features under another projection."""

from sqlalchemy import Exists, Select, select

from sslapp.store.schema import embedding, view_set


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
