"""Create every table, and the triggers that keep the event log append-only.

Revision 0001, the first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_REFUSAL = "The event log is append-only: an event is never changed or deleted."


def upgrade() -> None:
    """Create the tables, then the triggers."""
    create_tables()
    if op.get_bind().dialect.name == "sqlite":
        create_sqlite_triggers()
    else:
        create_postgresql_triggers()


def create_sqlite_triggers() -> None:
    """Refuse UPDATE and DELETE on the event table of SQLite."""
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER event_no_{change.lower()} BEFORE {change} ON event "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )


def create_postgresql_triggers() -> None:
    """Refuse UPDATE, DELETE and TRUNCATE on the event table of PostgreSQL."""
    op.execute(
        "CREATE FUNCTION event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
    )
    for change in ("UPDATE", "DELETE", "TRUNCATE"):
        op.execute(
            f"CREATE TRIGGER event_no_{change.lower()} BEFORE {change} ON event "
            "FOR EACH STATEMENT EXECUTE FUNCTION event_is_append_only()"
        )


def create_tables() -> None:
    """Create the tables as they stood at this revision."""
    op.create_table(
        "project",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
        sa.UniqueConstraint("name", name=op.f("uq_project_name")),
    )
    op.create_table(
        "reader",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reader")),
        sa.UniqueConstraint("name", name=op.f("uq_reader_name")),
    )
    op.create_table(
        "embedding",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("encoder", sa.String(length=64), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("dim", sa.Integer(), nullable=False),
        sa.Column("features", sa.String(length=400), nullable=False),
        sa.Column("projection", sa.String(length=400), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_embedding_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_embedding")),
    )
    op.create_index(
        "ix_embedding_project_id_encoder", "embedding", ["project_id", "encoder"], unique=False
    )
    op.create_table(
        "holdout",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_holdout_project_id")),
        sa.PrimaryKeyConstraint("project_id", "position", name=op.f("pk_holdout")),
    )
    op.create_table(
        "image",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=1000), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("original", sa.String(length=64), nullable=True),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("split", sa.String(length=8), nullable=False),
        sa.Column("group_key", sa.String(length=200), nullable=True),
        sa.CheckConstraint("split IN ('pool', 'test')", name=op.f("ck_image_split")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_image_project_id")),
        sa.PrimaryKeyConstraint("project_id", "position", name=op.f("pk_image")),
    )
    op.create_index("ix_image_project_id_sha256", "image", ["project_id", "sha256"], unique=False)
    op.create_table(
        "image_set",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("pixels", sa.String(length=400), nullable=False),
        sa.Column("refused", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_image_set_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image_set")),
        sa.UniqueConstraint("project_id", "first", name=op.f("uq_image_set_project_id_first")),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("reader_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("cancel", sa.Boolean(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.String(length=400), nullable=False),
        sa.Column("host", sa.String(length=200), nullable=True),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("beat", sa.DateTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=True),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('import', 'embed', 'round', 'export')", name=op.f("ck_job_kind")
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed', 'cancelled')",
            name=op.f("ck_job_state"),
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_job_project_id")),
        sa.ForeignKeyConstraint(["reader_id"], ["reader.id"], name=op.f("fk_job_reader_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    op.create_index(op.f("ix_job_state"), "job", ["state"], unique=False)
    op.create_table(
        "label_class",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("colour", sa.String(length=7), nullable=False),
        sa.Column("key", sa.String(length=1), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_label_class_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_class")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_label_class_project_id_name")),
        sa.UniqueConstraint("project_id", "number", name=op.f("uq_label_class_project_id_number")),
    )
    op.create_table(
        "membership",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("reader_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.CheckConstraint(
            "role IN ('reader', 'adjudicator', 'admin')", name=op.f("ck_membership_role")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_membership_project_id")
        ),
        sa.ForeignKeyConstraint(["reader_id"], ["reader.id"], name=op.f("fk_membership_reader_id")),
        sa.PrimaryKeyConstraint("project_id", "reader_id", name=op.f("pk_membership")),
    )
    op.create_table(
        "snapshot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("event_number", sa.BigInteger(), nullable=False),
        sa.Column("class_ids", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(length=400), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_snapshot_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot")),
    )
    op.create_table(
        "undone",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_undone_project_id")),
        sa.PrimaryKeyConstraint("project_id", "number", name=op.f("pk_undone")),
    )
    op.create_table(
        "withheld",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("round_id", sa.Integer(), nullable=False),
        sa.Column("event_number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_withheld_project_id")
        ),
        sa.PrimaryKeyConstraint("project_id", "position", "round_id", name=op.f("pk_withheld")),
    )
    op.create_table(
        "lease",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("reader_id", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("purpose IN ('label', 'review')", name=op.f("ck_lease_purpose")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_lease_project_id")),
        sa.ForeignKeyConstraint(["reader_id"], ["reader.id"], name=op.f("fk_lease_reader_id")),
        sa.PrimaryKeyConstraint("project_id", "position", "purpose", name=op.f("pk_lease")),
    )
    op.create_table(
        "current_label",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.Integer(), nullable=False),
        sa.Column("event_number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["class_id"], ["label_class.id"], name=op.f("fk_current_label_class_id")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_current_label_project_id")
        ),
        sa.PrimaryKeyConstraint("project_id", "position", name=op.f("pk_current_label")),
    )
    op.create_table(
        "event",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
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
        sa.CheckConstraint(
            "kind IN ('label', 'adjudicate', 'unsure', 'skip', 'flag', "
            "'accept', 'reject', 'relabel', 'withhold', 'bulk_accept', "
            "'bulk_withhold', 'bulk_relabel', 'undo', 'draw_holdout', 'import', "
            "'add_class', 'edit_class', 'retire_class', 'settings', 'snapshot', "
            "'round_start', 'round_done', 'export')",
            name=op.f("ck_event_kind"),
        ),
        sa.ForeignKeyConstraint(["class_id"], ["label_class.id"], name=op.f("fk_event_class_id")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_event_project_id")),
        sa.ForeignKeyConstraint(["reader_id"], ["reader.id"], name=op.f("fk_event_reader_id")),
        sa.PrimaryKeyConstraint("project_id", "number", name=op.f("pk_event")),
        sa.UniqueConstraint("project_id", "key", name=op.f("uq_event_project_id_key")),
    )
    op.create_index("ix_event_project_id_kind", "event", ["project_id", "kind"], unique=False)
    op.create_index(
        "ix_event_project_id_position", "event", ["project_id", "position"], unique=False
    )
    op.create_index("ix_event_project_id_target", "event", ["project_id", "target"], unique=False)
    op.create_table(
        "forbidden_class",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.Column("event_number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["class_id"], ["label_class.id"], name=op.f("fk_forbidden_class_class_id")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_forbidden_class_project_id")
        ),
        sa.PrimaryKeyConstraint(
            "project_id", "position", "class_id", name=op.f("pk_forbidden_class")
        ),
    )
    op.create_table(
        "reader_label",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reader_id", sa.Integer(), nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=True),
        sa.Column("source", sa.Integer(), nullable=False),
        sa.Column("event_number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["class_id"], ["label_class.id"], name=op.f("fk_reader_label_class_id")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_reader_label_project_id")
        ),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["reader.id"], name=op.f("fk_reader_label_reader_id")
        ),
        sa.PrimaryKeyConstraint(
            "project_id", "position", "reader_id", name=op.f("pk_reader_label")
        ),
    )
    op.create_table(
        "round",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("snapshot_id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("gear", sa.String(length=16), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("encoder", sa.String(length=64), nullable=True),
        sa.Column("probabilities", sa.String(length=400), nullable=True),
        sa.Column("frames", sa.String(length=400), nullable=True),
        sa.Column("temperature", sa.Float(), nullable=True),
        sa.Column("metrics", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_round_job_id")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_round_project_id")),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["snapshot.id"], name=op.f("fk_round_snapshot_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round")),
        sa.UniqueConstraint("project_id", "number", name=op.f("uq_round_project_id_number")),
    )
    op.create_table(
        "true_label",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["class_id"], ["label_class.id"], name=op.f("fk_true_label_class_id")
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "position"],
            ["image.project_id", "image.position"],
            name=op.f("fk_true_label_project_id_position"),
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_true_label_project_id")
        ),
        sa.PrimaryKeyConstraint("project_id", "position", name=op.f("pk_true_label")),
    )
    op.create_table(
        "round_metric",
        sa.Column("round_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_round_metric_round_id")),
        sa.PrimaryKeyConstraint("round_id", "step", "name", name=op.f("pk_round_metric")),
    )
