"""Connections: from socket bytes to requests, and from answers to bytes."""
