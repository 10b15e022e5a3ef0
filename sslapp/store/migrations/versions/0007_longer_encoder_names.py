"""Make room for the names of encoders from a hub, which are longer than those before.

SQLite holds a text to no length, so its tables stay as they are.

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
    """Widen the columns where the database minds."""
    if op.get_bind().dialect.name != "sqlite":
        for table in ("embedding", "round"):
            op.alter_column(table, "encoder", type_=sa.String(length=LENGTH))
