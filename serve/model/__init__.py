"""The model in charge: its local copies, its load and its change in all workers."""
