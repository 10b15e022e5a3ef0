"""Let the event table take any kind, so that a new kind of event rebuilds no table.

Which kinds there are is the program's to say (store.log.kinds); every event was made by it. SQLite
cannot drop a constraint, so the table is made anew once, with the triggers that keep it
append-only; dropping the old one fires none of them.

Revision 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KIND = 32
"""Characters that a kind may have; they were 16."""

_REFUSAL = "The event log is append-only: an event is never changed or deleted."


def upgrade() -> None:
    """Drop the constraint that lists kinds."""
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_event_kind"), "event", type_="check")
        op.alter_column("event", "kind", type_=sa.String(length=KIND), existing_nullable=False)
        return
    op.rename_table("event", "event_before")
    _create()
    op.execute("INSERT INTO event SELECT * FROM event_before")
    op.drop_table("event_before")
    for column in ("kind", "position", "target"):
        op.create_index(f"ix_event_project_id_{column}", "event", ["project_id", column])
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER event_no_{change.lower()} BEFORE {change} ON event "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )


def _create() -> None:
    """The event table as it stood, without the constraint on kinds."""
    op.create_table(
        "event",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("kind", sa.String(length=KIND), nullable=False),
        sa.Column("reader_id", sa.Integer(), nullable=True),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("class_id", sa.Integer(), nullable=True),
        sa.Column("round_id", sa.Integer(), nullable=True),
        sa.Column("target", sa.BigInteger(), nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("members", sa.LargeBinary(), nullable=True),
        sa.Column("member_classes", sa.LargeBinary(), nullable=True),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["class_id"], ["label_class.id"], name=op.f("fk_event_class_id")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_event_project_id")),
        sa.ForeignKeyConstraint(["reader_id"], ["reader.id"], name=op.f("fk_event_reader_id")),
        sa.PrimaryKeyConstraint("project_id", "number", name=op.f("pk_event")),
        sa.UniqueConstraint("project_id", "key", name=op.f("uq_event_project_id_key")),
    )
