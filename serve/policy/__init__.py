"""Which review policy is in force: a local copy of the signed journal, so that no answer waits for the database."""
