"""Let the job table take any kind, and a round name the features of further encoders.

Which kinds of job there are is the program's to say, as with events. SQLite cannot drop a
constraint, so the table is made anew once. Renaming it takes along what refers to it, so the
tables below it are made anew as well, as they stand.

Revision 0006, after 0005.
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_KINDS = re.compile(r",\s*CONSTRAINT ck_job_kind CHECK \(kind IN \([^)]*\)\)")

_TABLES = ("job", "round", "round_metric")
"""Each refers to the one before it, and nothing else to any of them."""


def upgrade() -> None:
    """Drop the constraint that lists kinds, and add the column."""
    if op.get_bind().dialect.name == "sqlite":
        _make_anew()
    else:
        op.drop_constraint(op.f("ck_job_kind"), "job", type_="check")
    op.add_column("round", sa.Column("embeddings_beside", sa.JSON(), nullable=True))


def _make_anew() -> None:
    tables = {name: _definitions("table", name)[0] for name in _TABLES}
    tables["job"], found = _KINDS.subn("", tables["job"])
    if not found:
        raise ValueError("The table job is not as the migrations before made it; restore a backup.")
    indexes = [each for name in _TABLES for each in _definitions("index", name)]
    for name in _TABLES:
        op.rename_table(name, f"{name}_before")
    for name, definition in tables.items():
        op.execute(sa.text(definition.replace(":", "\\:")))
        op.execute(f'INSERT INTO "{name}" SELECT * FROM {name}_before')
    for name in reversed(_TABLES):
        op.drop_table(f"{name}_before")
    for definition in indexes:
        op.execute(definition)


def _definitions(kind: str, table: str) -> list[str]:
    """The statements that made a table or its indexes."""
    query = sa.text(
        "SELECT sql FROM sqlite_master WHERE type = :kind AND tbl_name = :table AND sql IS NOT NULL"
    )
    return [*op.get_bind().execute(query, {"kind": kind, "table": table}).scalars()]
