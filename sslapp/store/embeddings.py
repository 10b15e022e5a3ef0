"""Which rows of `embedding` hold the same features under another projection."""

from sqlalchemy import Select, select

from sslapp.store.schema import embedding


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
