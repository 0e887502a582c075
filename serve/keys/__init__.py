"""API keys in the database: created, revoked and rotated while servers run; servers follow through a local copy."""
