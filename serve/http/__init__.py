"""Connections: from bytes at a socket to requests, and from answers to bytes."""
