"""Give the workspace an id, rows a seal, files a recorded hash, jobs a folder of their own.

A round names the embedding and the views that it was trained on, instead of an encoder. Those of
older rounds are found by the rule by which they were chosen then.

Revision 0003, after 0002.
"""

import hashlib
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SEALED = (
    *("project", "label_class", "reader", "membership", "image_set"),
    *("snapshot", "round", "embedding", "view_set"),
)

_workspace = sa.table(
    "workspace",
    sa.column("id", sa.String()),
    sa.column("created_at", sa.DateTime()),
    sa.column("recorded_at", sa.DateTime()),
    sa.column("seal", sa.String()),
)


def upgrade() -> None:
    """Change the tables as they stood at the revision before, and fill what can be known."""
    new = _is_new()
    op.create_table(
        "workspace",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(), nullable=True),
        sa.Column("seal", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspace")),
    )
    op.create_table(
        "file",
        sa.Column("path", sa.String(length=400), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_file_project_id")),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_file")),
    )
    op.create_index("ix_file_project_id", "file", ["project_id"], unique=False)
    for table in SEALED:
        op.add_column(table, sa.Column("seal", sa.String(length=64), nullable=True))
    op.add_column("image_set", sa.Column("truth", sa.String(length=64), nullable=True))
    op.add_column(
        "job", sa.Column("folder", sa.String(length=64), server_default="", nullable=False)
    )
    op.execute("UPDATE job SET folder = CAST(id AS VARCHAR(64))")
    op.add_column("round", sa.Column("embedding_id", sa.Integer(), nullable=True))
    op.add_column("round", sa.Column("view_set_id", sa.Integer(), nullable=True))
    op.add_column("round", sa.Column("curves", sa.String(length=64), nullable=True))
    conn = op.get_bind()
    for row in conn.execute(_rounds()).mappings():
        _name_features(conn, row)
    moment = datetime.now(UTC).replace(tzinfo=None)
    values: dict[str, Any] = {"id": uuid.uuid4().hex, "created_at": moment}
    if new:
        values["recorded_at"] = moment
    plain = {k: v if k == "id" else v.isoformat(timespec="microseconds") for k, v in values.items()}
    seal = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
    conn.execute(_workspace.insert().values(**values, seal=seal))


def _is_new() -> bool:
    """Whether the database is being made; then nothing in it is older than seals."""
    conn = op.get_bind()
    return conn.execute(sa.text("SELECT id FROM reader LIMIT 1")).first() is None


def _rounds() -> sa.TextClause:
    return sa.text(
        "SELECT round.id, round.project_id, round.encoder, round.created_at, snapshot.counts "
        "FROM round JOIN snapshot ON snapshot.id = round.snapshot_id "
        "WHERE round.encoder IS NOT NULL"
    )


def _name_features(conn: sa.Connection, row: Any) -> None:
    counts = row["counts"] if isinstance(row["counts"], dict) else json.loads(row["counts"])
    embedding = conn.execute(
        sa.text(
            "SELECT max(id) FROM embedding WHERE project_id = :project AND encoder = :encoder "
            "AND count >= :images AND created_at <= :created_at"
        ),
        {
            "project": row["project_id"],
            "encoder": row["encoder"],
            "images": counts["images"],
            "created_at": row["created_at"],
        },
    ).scalar()
    views = conn.execute(
        sa.text(
            "SELECT max(view_set.id) FROM view_set "
            "JOIN embedding AS clean ON clean.id = view_set.embedding_id "
            "JOIN embedding AS used ON used.features = clean.features "
            "AND used.project_id = clean.project_id "
            "WHERE used.id = :embedding AND view_set.created_at <= :created_at"
        ),
        {"embedding": embedding, "created_at": row["created_at"]},
    ).scalar()
    conn.execute(
        sa.text("UPDATE round SET embedding_id = :embedding, view_set_id = :views WHERE id = :id"),
        {"embedding": embedding, "views": views, "id": row["id"]},
    )
