"""A small site of its own for an experiment: PostgreSQL, MLflow, a trained model and a scoring server."""
