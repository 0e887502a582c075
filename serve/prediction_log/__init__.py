"""The prediction log: every scored row is on record in PostgreSQL."""
