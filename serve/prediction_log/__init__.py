"""The prediction log: every answer is on the local disk before it leaves, and in PostgreSQL soon after, once."""
