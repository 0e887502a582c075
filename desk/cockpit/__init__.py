"""The first page: the state of the service."""
