"""Let a round name the features of the model that it trained, and the maps of them.

Rounds that ended before have none and are shown on the map of their encoder.

Revision 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the three paths, and which map is shown."""
    for path in ("features", "pca", "umap"):
        op.add_column("round", sa.Column(path, sa.String(length=400), nullable=True))
    op.add_column("round", sa.Column("projection", sa.String(length=16), nullable=True))
