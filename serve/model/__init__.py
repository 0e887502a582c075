"""The active model: its local copies, its loading, and its change in all workers."""
