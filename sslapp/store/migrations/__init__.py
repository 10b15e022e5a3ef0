"""Alembic migrations; `database.open_database` runs them, so no alembic.ini is needed."""
