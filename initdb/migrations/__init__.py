"""The versions of the schema, each a SQL file, as Alembic runs them; `initdb/upgrade.py` starts it."""
