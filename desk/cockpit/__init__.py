"""The first page: how the service is."""
