"""The only access to MLflow from outside: allowed calls, and their forwarding."""
