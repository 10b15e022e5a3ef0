"""The database: schema, the event log and its replay, snapshots, migrations."""
