"""Sending of notices by webhook and mail, including alerts of the running server."""
