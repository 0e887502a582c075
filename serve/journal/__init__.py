"""Journals of what people did: tables that only grow, each event chained by hash to the one before."""
