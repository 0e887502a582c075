"""Somebody's own applications, from files to the table: read, checked as a whole, and only then loaded."""
