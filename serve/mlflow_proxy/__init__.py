"""The only way to MLflow from outside: what passes, and how it is forwarded."""
