"""Server processes that share one port: the supervisor that starts and coordinates them, and the workers."""
