"""Let a round name its out-of-sample answers and what the members of its ensemble said.

Revision 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two paths."""
    op.add_column("round", sa.Column("answers", sa.String(length=400), nullable=True))
    op.add_column("round", sa.Column("members", sa.String(length=400), nullable=True))
