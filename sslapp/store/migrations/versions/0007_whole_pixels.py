"""Let an import keep the pixels that it came with when the training store is made again.

Images of arrays that the first store held whole have no other original.

Revision 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the path."""
    op.add_column("image_set", sa.Column("whole", sa.String(length=400), nullable=True))
