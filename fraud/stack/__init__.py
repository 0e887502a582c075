"""The whole system on one machine: embedded PostgreSQL, MLflow, first model, server (`python -m fraud.stack`)."""
