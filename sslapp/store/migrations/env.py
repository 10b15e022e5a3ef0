"""Alembic's entry point: run on the connection the runner hands over, in its transaction."""

from alembic import context

from sslapp.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite's DDL is transactional as long as the driver opens no transaction of its own.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
