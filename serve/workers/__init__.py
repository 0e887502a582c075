"""Several processes that serve one port: a supervisor that starts and coordinates them, and the workers themselves."""
