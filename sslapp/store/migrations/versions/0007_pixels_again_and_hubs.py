"""Let an import keep the pixels that it came with, and make room for longer names of encoders.

Images of arrays that the first store held whole have no other original when the training store is
made again. Encoders of a hub have longer names than those before; SQLite holds a text to no length,
so its tables stay as they are.

Revision 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

LENGTH = 120
"""Characters that a name may have; they were 64."""


def upgrade() -> None:
    """Add the path, and widen the columns where the database minds."""
    op.add_column("image_set", sa.Column("whole", sa.String(length=400), nullable=True))
    if op.get_bind().dialect.name != "sqlite":
        for table in ("embedding", "round"):
            op.alter_column(table, "encoder", type_=sa.String(length=LENGTH))
