"""How each server is set up and started, tuned to its best on one core."""
