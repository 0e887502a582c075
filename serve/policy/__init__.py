"""The review policy in force, from a local copy of the signed journal, so that no answer waits for the database."""
