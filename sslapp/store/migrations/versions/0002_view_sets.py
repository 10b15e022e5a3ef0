"""Create the table of encoded views.

Revision 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table as it stood at this revision."""
    op.create_table(
        "view_set",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("embedding_id", sa.Integer(), nullable=False),
        sa.Column("weak", sa.Integer(), nullable=False),
        sa.Column("strong", sa.Integer(), nullable=False),
        sa.Column("augmentation", sa.String(length=32), nullable=False),
        sa.Column("flip", sa.Boolean(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("folder", sa.String(length=400), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["embedding_id"], ["embedding.id"], name=op.f("fk_view_set_embedding_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_view_set")),
    )
    op.create_index("ix_view_set_embedding_id", "view_set", ["embedding_id"], unique=False)
