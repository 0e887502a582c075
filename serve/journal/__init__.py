"""Journals of people's acts: append-only tables, each event chained by hash to the one before."""
