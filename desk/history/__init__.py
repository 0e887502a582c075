"""How it became so: versions, average precision, drift and groups over time."""
