"""Let images have metadata: further columns of a list, such as age, view or scanner.

Projects that were there before have none.

Revision 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns' table and that of their values."""
    op.create_table(
        "metadata_column",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("images", sa.BigInteger(), nullable=False),
        sa.Column("different", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=True),
        sa.CheckConstraint("kind IN ('text', 'number')", name=op.f("ck_metadata_column_kind")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_metadata_column_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metadata_column")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_metadata_column_project_id_name")),
    )
    op.create_table(
        "metadata_value",
        sa.Column("column_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["column_id"], ["metadata_column.id"], name=op.f("fk_metadata_value_column_id")
        ),
        sa.PrimaryKeyConstraint("column_id", "position", name=op.f("pk_metadata_value")),
    )
