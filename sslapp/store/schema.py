"""The tables, in SQLAlchemy Core.

Three kinds of table live here. *Truth*: workspace, project, label_class, reader, membership,
image_set, image, true_label, metadata_column, metadata_value and the event log. *Derived* (rebuilt
from the events by `replay`): undone, reader_label, current_label, forbidden_class, withheld,
holdout. *Work*: lease, snapshot, round, round_metric, job, embedding, view_set, file. Large arrays
are files in the workspace; rows name them by paths relative to its root.

The log vouches for itself, for images, true labels and what is derived. A row of another table
that a label or a prediction depends on carries a `seal`, see store.integrity.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from sslapp.vocabulary import JobState, MetadataKind, Purpose, Role, Split

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(column: str, values: type) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)  # type: ignore[attr-defined]
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _project_key() -> Column[int]:
    return Column("project_id", ForeignKey("project.id"), primary_key=True)


ENCODER = String(64).with_variant(String(120), "postgresql")
"""Name of an encoder. Those of a hub may be long; SQLite holds a text to no length."""


def _seal() -> Column[str]:
    return Column("seal", String(64))  # NULL: the row is older than seals


# -- truth -----------------------------------------------------------------------------------------

workspace = Table(  # one row
    "workspace",
    metadata,
    Column("id", String(32), primary_key=True),  # random; a new one when a backup is restored
    Column("created_at", DateTime, nullable=False),
    Column("recorded_at", DateTime),  # since when every row is sealed and every file recorded
    _seal(),
)

project = Table(
    "project",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("settings", JSON, nullable=False),  # see store.projects.ProjectSettings
    Column("created_at", DateTime, nullable=False),  # UTC, naive, as every time here
    _seal(),
)

label_class = Table(
    "label_class",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("number", Integer, nullable=False),  # 0, 1, ... in order of creation; never reused
    Column("name", String(200), nullable=False),
    Column("colour", String(7), nullable=False),
    Column("key", String(1), nullable=False),  # the key that labels it; "" for none
    Column("retired", Boolean, nullable=False, default=False),
    _seal(),
    UniqueConstraint("project_id", "number"),
    UniqueConstraint("project_id", "name"),
)

reader = Table(
    "reader",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("active", Boolean, nullable=False, default=True),
    Column("created_at", DateTime, nullable=False),
    _seal(),
)

membership = Table(
    "membership",
    metadata,
    _project_key(),
    Column("reader_id", ForeignKey("reader.id"), primary_key=True),
    Column("role", String(16), nullable=False),
    _seal(),
    _one_of("role", Role),
)

image_set = Table(  # one import; its images take `count` positions from `first`
    "image_set",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("name", String(400), nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("pixels", String(400), nullable=False),  # (count, S, S, C) uint8 .npy
    # the same as it was imported, where that is all there is of images without an original and
    # `pixels` was made again from it; NULL: `pixels` is
    Column("whole", String(400)),
    Column("refused", JSON, nullable=False),  # [{"name": ..., "reason": ...}, ...]
    Column("truth", String(64)),  # sha256 over its rows of true_label; NULL: not recorded
    Column("created_at", DateTime, nullable=False),
    _seal(),
    UniqueConstraint("project_id", "first"),
)

image = Table(
    "image",
    metadata,
    _project_key(),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(1000), nullable=False),
    Column("sha256", String(64), nullable=False),  # of the decoded pixels; duplicates are allowed
    Column("original", String(64)),  # sha256 of the file in originals/; NULL for rows of an array
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("split", String(8), nullable=False),
    Column("group_key", String(200)),  # a patient, a scene: never torn apart by a split
    _one_of("split", Split),
    Index("ix_image_project_id_sha256", "project_id", "sha256"),
)

true_label = Table(  # read by simulation and final scoring alone
    "true_label",
    metadata,
    _project_key(),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("class_id", ForeignKey("label_class.id"), nullable=False),
    ForeignKeyConstraint(["project_id", "position"], ["image.project_id", "image.position"]),
)

metadata_column = Table(  # what is known of images beside their classes: age, view, scanner
    "metadata_column",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("kind", String(8), nullable=False),  # by its values
    Column("shown", Boolean, nullable=False),  # beside the image while it is labelled
    Column("images", BigInteger, nullable=False),  # that have a value
    Column("different", BigInteger, nullable=False),  # values
    _seal(),
    UniqueConstraint("project_id", "name"),
    _one_of("kind", MetadataKind),
)

metadata_value = Table(  # an image without a value has no row
    "metadata_value",
    metadata,
    Column("column_id", ForeignKey("metadata_column.id"), primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("value", Text, nullable=False),
)

event = Table(
    "event",
    metadata,
    _project_key(),
    Column("number", BigInteger, primary_key=True, autoincrement=False),  # dense from 1
    Column("at", DateTime, nullable=False),
    Column("kind", String(32), nullable=False),  # vocabulary.EventKind; no constraint lists them
    Column("reader_id", ForeignKey("reader.id")),  # NULL: the program itself
    Column("key", String(64), nullable=False),  # client-made; a repeat is the same event
    Column("position", BigInteger),
    Column("class_id", ForeignKey("label_class.id")),
    Column("round_id", Integer),
    Column("target", BigInteger),  # the event an undo undoes
    Column("payload", Text, nullable=False),  # canonical JSON object
    Column("members", LargeBinary),  # bulk: sorted positions, int64 little-endian
    Column("member_classes", LargeBinary),  # their class ids, or those the image is none of, int64
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("project_id", "key"),
    Index("ix_event_project_id_position", "project_id", "position"),
    Index("ix_event_project_id_kind", "project_id", "kind"),
    Index("ix_event_project_id_target", "project_id", "target"),
)

# -- derived from the events -----------------------------------------------------------------------

undone = Table(  # events that do not count because a counting undo names them
    "undone",
    metadata,
    _project_key(),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
)

reader_label = Table(  # the latest counting decision of each reader about each image
    "reader_label",
    metadata,
    _project_key(),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("reader_id", ForeignKey("reader.id"), primary_key=True),
    Column("class_id", ForeignKey("label_class.id")),  # NULL: unsure
    Column("source", Integer, nullable=False),  # vocabulary.Source; NONE for unsure
    Column("event_number", BigInteger, nullable=False),
)

current_label = Table(  # the project's rule over them
    "current_label",
    metadata,
    _project_key(),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("class_id", ForeignKey("label_class.id"), nullable=False),
    Column("source", Integer, nullable=False),
    Column("event_number", BigInteger, nullable=False),
)

forbidden_class = Table(
    "forbidden_class",
    metadata,
    _project_key(),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("class_id", ForeignKey("label_class.id"), primary_key=True),
    Column("event_number", BigInteger, nullable=False),
)

withheld = Table(  # off the list of candidates of that round
    "withheld",
    metadata,
    _project_key(),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("round_id", Integer, primary_key=True),
    Column("event_number", BigInteger, nullable=False),
)

holdout = Table(
    "holdout",
    metadata,
    _project_key(),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("event_number", BigInteger, nullable=False),
)

DERIVED = (undone, reader_label, current_label, forbidden_class, withheld, holdout)

# -- work ------------------------------------------------------------------------------------------

lease = Table(  # who has which image before them; a lapsed one counts for nothing
    "lease",
    metadata,
    _project_key(),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("purpose", String(16), primary_key=True),
    Column("reader_id", ForeignKey("reader.id"), nullable=False),
    Column("expires_at", DateTime, nullable=False),
    _one_of("purpose", Purpose),
)

snapshot = Table(
    "snapshot",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("event_number", BigInteger, nullable=False),  # everything up to here is in it
    Column("class_ids", JSON, nullable=False),  # column c of every array means class_ids[c]
    Column("counts", JSON, nullable=False),  # labels per source and class, holdout, pool, N
    Column("hash", String(64), nullable=False),
    Column("path", String(400), nullable=False),
    Column("created_at", DateTime, nullable=False),
    _seal(),
)

job = Table(
    "job",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("params", JSON, nullable=False),
    Column("folder", String(64), nullable=False, server_default=""),  # its own, below jobs/
    Column("reader_id", ForeignKey("reader.id")),
    Column("state", String(16), nullable=False, index=True),
    Column("attempt", Integer, nullable=False, default=0),
    Column("cancel", Boolean, nullable=False, default=False),
    Column("step", BigInteger, nullable=False, default=0),
    Column("total", BigInteger, nullable=False, default=0),
    Column("message", String(400), nullable=False, default=""),
    Column("host", String(200)),
    Column("pid", Integer),
    Column("beat", DateTime),  # last sign of life, for display and for hung workers
    Column("error", Text),
    Column("result", JSON),
    Column("created_at", DateTime, nullable=False),
    Column("started_at", DateTime),  # of the current attempt
    Column("finished_at", DateTime),
    # which kinds there are is the program's to say
    _one_of("state", JobState),
)

round_ = Table(
    "round",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("number", Integer, nullable=False),  # 1, 2, ... in the project
    Column("snapshot_id", ForeignKey("snapshot.id"), nullable=False),
    Column("job_id", ForeignKey("job.id"), nullable=False),  # the job's state is the round's state
    Column("method", String(64), nullable=False),
    Column("gear", String(16), nullable=False),
    Column("config", JSON, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("plan", JSON, nullable=False),  # threads, dtype, kernels, versions: required on resume
    Column("encoder", ENCODER),  # whose features it used, if any,
    Column("embedding_id", Integer),  # and which: a row of `embedding`
    Column("embeddings_beside", JSON),  # ids of those of further encoders, if it used any
    Column("view_set_id", Integer),  # the encoded views it used, if any
    Column("probabilities", String(400)),  # (N, C) float32 raw softmax .npy, written at the end
    Column("answers", String(400)),  # out-of-sample answers about labelled images .npy
    Column("members", String(400)),  # (N, M, C) float16 what an ensemble's members said .npy
    Column("features", String(400)),  # (N, D) float16 of the model it trained .npy, if it has own
    Column("pca", String(400)),  # (N, 2) float32 map of them by principal components .npy
    Column("umap", String(400)),  # (N, 2) float32 map of them by UMAP .npy, made by a job
    Column("projection", String(16)),  # vocabulary.Projection: which of the two is shown
    Column("frames", String(400)),  # folder of the embedding of a sample as training went on
    Column("temperature", Float),
    Column("metrics", JSON),  # holdout accuracy, ECE before/after, seconds, ...
    Column("curves", String(64)),  # sha256 over its rows of round_metric, written at the end
    Column("created_at", DateTime, nullable=False),
    _seal(),
    UniqueConstraint("project_id", "number"),
)

round_metric = Table(
    "round_metric",
    metadata,
    Column("round_id", ForeignKey("round.id"), primary_key=True),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(64), primary_key=True),
    Column("value", Float, nullable=False),
)

embedding = Table(
    "embedding",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("encoder", ENCODER, nullable=False),
    Column("count", BigInteger, nullable=False),  # N: covers positions below it
    Column("dim", Integer, nullable=False),
    Column("features", String(400), nullable=False),  # (N, D) float32 .npy
    Column("projection", String(400), nullable=False),  # (N, 2) float32 .npy
    Column("created_at", DateTime, nullable=False),
    _seal(),
    Index("ix_embedding_project_id_encoder", "project_id", "encoder"),
)

view_set = Table(
    "view_set",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("embedding_id", ForeignKey("embedding.id"), nullable=False),  # and its images
    Column("weak", Integer, nullable=False),  # so many weak views ...
    Column("strong", Integer, nullable=False),  # ... and strong ones
    Column("augmentation", String(32), nullable=False),
    Column("flip", Boolean, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("folder", String(400), nullable=False),  # weak-0.npy, ...: (N, D) float32 each
    Column("created_at", DateTime, nullable=False),
    _seal(),
    Index("ix_view_set_embedding_id", "embedding_id"),
)

file = Table(  # what a file of the workspace held when it was written
    "file",
    metadata,
    Column("path", String(400), primary_key=True),  # relative to the workspace
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Index("ix_file_project_id", "project_id"),
)
