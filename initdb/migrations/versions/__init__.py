"""A version is a pair: a SQL file, and a module of its name that tells Alembic its number and the one before it."""
