"""API keys in the database: made, revoked and rotated while servers run, which follow by a local copy."""
