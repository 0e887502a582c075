"""Alembic's way in: it runs this file, which passes it our connection and the name of the version table."""

from __future__ import annotations

from alembic import context

from fraud.schema_version import VERSION_SCHEMA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
    version_table_schema=VERSION_SCHEMA,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
