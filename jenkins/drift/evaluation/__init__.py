"""How often the monitor errs, what it finds, and what it costs: measured, not run in production."""
